//! `sql/schema.sql` and the migrations make the same database.

use std::time::Duration;

use sidegate::store::migrate;

use super::fixture::{Database, NOW};

/// The schema according to the catalog, one line per object, without the tables of the migrations.
async fn catalog(database: &Database) -> Vec<String> {
    let question = "
        SELECT 'column ' || c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
               || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
               || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '') || ' #' || a.attnum
        FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'v', 'm')
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
          AND c.relname <> 'sidegate_migrations'
        UNION ALL
        SELECT 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
        FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'sidegate_migrations'
        UNION ALL
        SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'sidegate_migrations'
        UNION ALL
        SELECT 'trigger ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL
        SELECT 'function ' || pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL
        SELECT 'type ' || typname || coalesce(' ' || (SELECT string_agg(enumlabel, ',' ORDER BY enumsortorder)
                                                      FROM pg_enum WHERE enumtypid = t.oid), '')
        FROM pg_type t WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd')
        ORDER BY 1";
    database
        .raw
        .query(question, &[])
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect()
}

#[tokio::test]
async fn the_schema_file_and_the_migrations_make_the_same_database() {
    let (by_file, by_migrations) = tokio::join!(Database::empty(), Database::migrated());
    by_file
        .raw
        .batch_execute(include_str!("../../../sql/schema.sql"))
        .await
        .unwrap();
    let (by_file, by_migrations) = (catalog(&by_file).await, catalog(&by_migrations).await);
    assert!(by_file.len() > 50, "the catalog question found nothing");
    assert_eq!(by_file, by_migrations);
}

#[tokio::test]
async fn every_migration_goes_up_and_down_and_up_again() {
    let database = Database::migrated().await;
    let there = catalog(&database).await;
    let wait = Duration::from_secs(10);
    let undone = migrate::down(&database.postgres, migrate::SHIPPED, usize::MAX, wait)
        .await
        .unwrap();
    assert_eq!(undone.len(), migrate::SHIPPED.len());
    assert_eq!(catalog(&database).await, Vec::<String>::new(), "down leaves nothing");
    migrate::up(&database.postgres, migrate::SHIPPED, wait, NOW)
        .await
        .unwrap();
    assert_eq!(catalog(&database).await, there);
}

#[tokio::test]
async fn the_name_of_a_constraint_is_unique_in_the_whole_schema() {
    let database = Database::migrated().await;
    let twice = "SELECT conname::text
                 FROM pg_constraint
                 WHERE connamespace = 'public'::regnamespace
                 GROUP BY conname
                 HAVING count(*) > 1";
    let twice = database.raw.query(twice, &[]).await.unwrap();
    let twice = twice.iter().map(|row| row.get(0)).collect::<Vec<String>>();
    assert_eq!(
        twice,
        Vec::<String>::new(),
        "an error shows the name of a constraint and nothing else"
    );
}
