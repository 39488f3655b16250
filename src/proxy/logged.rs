//! The state of a request, with its line in the access log: exactly one, however the request ends.

use std::ops::{Deref, DerefMut};

use super::{access_log, context::Context};

/// A [`Context`] that writes its line when it goes, unless it has been written.
pub struct Logged(Context);

impl Logged {
    pub(super) fn new(context: Context) -> Self {
        Self(context)
    }
}

impl Deref for Logged {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.0
    }
}

impl DerefMut for Logged {
    fn deref_mut(&mut self) -> &mut Context {
        &mut self.0
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        // Pingora logs no request that was ended, or whose task was.
        if !self.recorded {
            access_log::record_cut_short(self);
        }
    }
}
