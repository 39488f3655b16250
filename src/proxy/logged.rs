//! Ensures exactly one line in the access log per request, however it ends.

use std::ops::{Deref, DerefMut};

use super::{access_log, context::Context};

/// A [`Context`] that writes its line when it is dropped, unless it was written before.
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
        // Pingora does not log requests that were ended, or whose task was.
        if !self.recorded {
            access_log::record_cut_short(self);
        }
    }
}
