from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from db.migrations.script import run_sql_folder

ID = "2026-11-25T10:13:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "What an order itself waits for; failed refunds let go"


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="academy", description=DESCRIPTION)
    manager.add_raw(run_sql_folder("0013"))
    return manager
