//! The queries, by name. The text of each is a file in `sql/queries`; a test prepares it on a real server and compares
//! its header with the parameters and columns that the server reports.

/// A query.
#[derive(Debug)]
pub struct Query {
    /// The file's name, and the `operation` of metrics and errors.
    pub name: &'static str,
    /// The file's text, header included: the server skips comments, and its log shows which query it was.
    pub text: &'static str,
}

macro_rules! queries {
    ($($constant:ident = $name:literal,)*) => {
        $(
            #[doc = concat!("`sql/queries/", $name, ".sql`")]
            pub static $constant: Query =
                Query { name: $name, text: include_str!(concat!("../../sql/queries/", $name, ".sql")) };
        )*

        /// All queries.
        pub static ALL: &[&Query] = &[$(&$constant,)*];
    };
}

queries! {
    USER_CREATE = "user_create",
    USER_REGISTER = "user_register",
    USER_FIND = "user_find",
    USER_FIND_FOR_UPDATE = "user_find_for_update",
    USER_FIND_BY_EMAIL = "user_find_by_email",
    USER_FIND_BY_USERNAME = "user_find_by_username",
    USER_RECORD_FAILED_LOGIN = "user_record_failed_login",
    USER_SET_PROFILE = "user_set_profile",
    USER_SET_PASSWORD = "user_set_password",
    USER_CHANGE_PASSWORD = "user_change_password",
    USER_RESET_PASSWORD = "user_reset_password",
    USER_REHASH_PASSWORD = "user_rehash_password",
    USER_SET_EMAIL = "user_set_email",
    USER_SET_EMAIL_VERIFIED = "user_set_email_verified",
    USER_SOFT_DELETE = "user_soft_delete",
    USER_RESTORE = "user_restore",
    USER_SET_ROLES = "user_set_roles",
    USER_SET_PERMISSIONS = "user_set_permissions",
    USER_LOCK = "user_lock",
    USER_UNLOCK = "user_unlock",
    USER_SET_MFA_EMAIL = "user_set_mfa_email",
    USER_REQUIRE_PASSWORD_RESET = "user_require_password_reset",
    USER_LIST = "user_list",
    USER_SEARCH_DELETED = "user_search_deleted",
    USER_SEARCH = "user_search",
    USER_OUTDATE = "user_outdate",
    USER_OUTDATE_MANY = "user_outdate_many",
    USER_LIST_LOCKED = "user_list_locked",
    USER_LIST_DELETED = "user_list_deleted",
    USER_LIST_BY_ROLE = "user_list_by_role",
    USER_COUNT = "user_count",
    USER_IMPORT = "user_import",
    USER_FIND_TAKEN = "user_find_taken",
    REFRESH_TOKEN_FIND = "refresh_token_find",
    SESSION_LIST = "session_list",
    SESSION_REFRESH = "session_refresh",
    SESSION_OPEN = "session_open",
    SESSION_END_OTHERS = "session_end_others",
    SESSION_END_ALL = "session_end_all",
    SESSION_END_MANY = "session_end_many",
    SESSION_LIST_USERS = "session_list_users",
    SESSION_END = "session_end",
    SESSION_FIND = "session_find",
    SESSION_EXISTS = "session_exists",
    SESSION_COUNT = "session_count",
    SESSION_SET_PROOF = "session_set_proof",
    TOTP_FACTOR_PUT = "totp_factor_put",
    TOTP_FACTOR_FIND = "totp_factor_find",
    TOTP_FACTOR_CONFIRM = "totp_factor_confirm",
    TOTP_FACTOR_SPEND = "totp_factor_spend",
    TOTP_FACTOR_LIST_SEALED = "totp_factor_list_sealed",
    TOTP_FACTOR_RESEAL = "totp_factor_reseal",
    TOTP_FACTOR_DELETE = "totp_factor_delete",
    RECOVERY_CODE_INSERT_ALL = "recovery_code_insert_all",
    RECOVERY_CODE_LIST = "recovery_code_list",
    RECOVERY_CODE_SPEND = "recovery_code_spend",
    RECOVERY_CODE_LIST_SEALED = "recovery_code_list_sealed",
    RECOVERY_CODE_RESEAL = "recovery_code_reseal",
    RECOVERY_CODE_COUNT = "recovery_code_count",
    RECOVERY_CODE_DELETE_ALL = "recovery_code_delete_all",
    PASSWORD_RESET_TOKEN_INSERT = "password_reset_token_insert",
    PASSWORD_RESET_TOKEN_FIND = "password_reset_token_find",
    PASSWORD_RESET_TOKEN_FIND_FOR_UPDATE = "password_reset_token_find_for_update",
    PASSWORD_RESET_TOKEN_FIND_USED = "password_reset_token_find_used",
    PASSWORD_RESET_TOKEN_USE_ALL = "password_reset_token_use_all",
    INVITATION_INSERT = "invitation_insert",
    INVITATION_FIND = "invitation_find",
    INVITATION_FIND_USED = "invitation_find_used",
    INVITATION_USE = "invitation_use",
    INVITATION_LIST = "invitation_list",
    INVITATION_REVOKE = "invitation_revoke",
    INVITATION_REVOKE_OF_EMAIL = "invitation_revoke_of_email",
    MAIL_INSERT = "mail_insert",
    MAIL_TAKE = "mail_take",
    MAIL_DELETE = "mail_delete",
    MAIL_RETRY = "mail_retry",
    MAIL_FAIL = "mail_fail",
    MAIL_LIST_SEALED = "mail_list_sealed",
    MAIL_RESEAL = "mail_reseal",
    MAIL_COUNT_WAITING = "mail_count_waiting",
    AUDIT_INSERT = "audit_insert",
    AUDIT_INSERT_MANY = "audit_insert_many",
    AUDIT_LIST_BY_USER = "audit_list_by_user",
    AUDIT_LIST_BY_SESSION = "audit_list_by_session",
    AUDIT_LIST_BY_EVENT = "audit_list_by_event",
    AUDIT_LIST_BY_ADDRESS = "audit_list_by_address",
    AUDIT_LIST_BY_ACTOR = "audit_list_by_actor",
    AUDIT_LIST = "audit_list",
    AUDIT_COUNT = "audit_count",
    AUDIT_FIND_FIRST_RESEAL = "audit_find_first_reseal",
    SIGNING_KEY_LIST = "signing_key_list",
    SIGNING_KEY_LIST_SEALED = "signing_key_list_sealed",
    SIGNING_KEY_RESEAL = "signing_key_reseal",
    SIGNING_KEY_INSERT = "signing_key_insert",
    SIGNING_KEY_ACTIVATE = "signing_key_activate",
    SIGNING_KEY_RETIRE = "signing_key_retire",
    SIGNING_KEY_WITHDRAW = "signing_key_withdraw",
    SIGNING_KEY_LOCK = "signing_key_lock",
    REVOCATION_INSERT = "revocation_insert",
    REVOCATION_POSITION = "revocation_position",
    REVOCATION_LIST_SINCE = "revocation_list_since",
    REVOCATION_LISTEN = "revocation_listen",
    RESEAL_TRY_LOCK = "reseal_try_lock",
    CLEANUP_TRY_LOCK = "cleanup_try_lock",
    CLEANUP_SESSIONS = "cleanup_sessions",
    CLEANUP_REVOCATIONS = "cleanup_revocations",
    CLEANUP_REFRESH_RESPONSES = "cleanup_refresh_responses",
    CLEANUP_DEVICES = "cleanup_devices",
    CLEANUP_REFRESH_TOKENS = "cleanup_refresh_tokens",
    CLEANUP_PASSWORD_RESET_TOKENS = "cleanup_password_reset_tokens",
    CLEANUP_MAIL_QUEUE = "cleanup_mail_queue",
    CLEANUP_INVITATIONS = "cleanup_invitations",
    CLEANUP_AUDIT_LOGS = "cleanup_audit_logs",
    CLEANUP_SIGNING_KEYS = "cleanup_signing_keys",
    TRANSACTION_BEGIN = "transaction_begin",
    TRANSACTION_COMMIT = "transaction_commit",
    TRANSACTION_ROLLBACK = "transaction_rollback",
    SAVEPOINT_SET = "savepoint_set",
    SAVEPOINT_RELEASE = "savepoint_release",
    SAVEPOINT_ROLLBACK_TO = "savepoint_rollback_to",
    PING = "ping",
    MIGRATION_LOCK = "migration_lock",
    MIGRATION_UNLOCK = "migration_unlock",
    MIGRATION_TABLE_EXISTS = "migration_table_exists",
    MIGRATION_TABLE_CREATE = "migration_table_create",
    MIGRATION_LIST = "migration_list",
    MIGRATION_INSERT = "migration_insert",
    MIGRATION_DELETE = "migration_delete",
    DB_DURABILITY = "db_durability",
    DB_TABLE_SIZES = "db_table_sizes",
    DB_CONNECTIONS = "db_connections",
    DB_INDEX_USAGE = "db_index_usage",
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_file_is_listed_and_opens_with_its_own_name() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/sql/queries");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        let listed: BTreeSet<String> = ALL.iter().map(|query| query.name.to_owned()).collect();
        assert_eq!(files, listed);
        for query in ALL {
            let first = query.text.lines().next().unwrap();
            assert!(first.starts_with(&format!("-- {} :", query.name)), "{first}");
        }
    }
}
