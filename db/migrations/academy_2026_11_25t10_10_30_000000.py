from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from db.migrations.script import run_sql_folder

ID = "2026-11-25T10:10:30:000000"
VERSION = "1.38.0"
DESCRIPTION = "Outlines: kept under the catalog's generation"


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="academy", description=DESCRIPTION)
    manager.add_raw(run_sql_folder("0010b"))
    return manager
