package temporal

import (
	"fmt"
	"net/url"
	"time"

	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/postgresql"
	"go.temporal.io/server/tools/common/schema"
	toolssql "go.temporal.io/server/tools/sql"
)

// stores are the server's two databases on one PostgreSQL.
type stores struct{ main, visibility config.SQL }

func newStores(databaseURL string) (stores, error) {
	u, err := url.Parse(databaseURL)
	if err != nil {
		// The parser's error would repeat the password.
		return stores{}, fmt.Errorf("read the database's URL: it is not a URL such as postgres://user:secret@127.0.0.1:5432")
	}
	password, _ := u.User.Password()
	store := func(database string, conns int) config.SQL {
		return config.SQL{
			PluginName:      postgresql.PluginNamePGX,
			ConnectProtocol: "tcp",
			ConnectAddr:     u.Host,
			User:            u.User.Username(),
			Password:        password,
			DatabaseName:    database,
			MaxConns:        conns,
			MaxIdleConns:    conns,
			MaxConnLifetime: time.Hour,
			ConnectAttributes: map[string]string{
				"sslmode": "disable",
			},
		}
	}
	// Each of the four services opens pools of this size.
	return stores{main: store(Database, 12), visibility: store(VisibilityDatabase, 4)}, nil
}

func (s stores) persistence() config.Persistence {
	return config.Persistence{
		DefaultStore:     Database,
		VisibilityStore:  VisibilityDatabase,
		NumHistoryShards: historyShards,
		DataStores: map[string]config.DataStore{
			Database:           {SQL: &s.main},
			VisibilityDatabase: {SQL: &s.visibility},
		},
	}
}

// migrate brings both schemas to the version that the server was built with.
func (s stores) migrate(logger log.Logger) error {
	if err := migrate(s.main, "postgresql/v12/temporal", logger); err != nil {
		return err
	}
	return migrate(s.visibility, "postgresql/v12/visibility", logger)
}

// migrate runs the server's own tasks: first the tables that hold the version,
// which leaves an existing version alone, then what is newer than it.
func migrate(store config.SQL, schemaName string, logger log.Logger) error {
	conn, err := toolssql.NewConnection(&store, logger)
	if err != nil {
		return fmt.Errorf("connect to database %s: %w", store.DatabaseName, err)
	}
	defer conn.Close()
	if err := schema.NewSetupSchemaTask(conn, &schema.SetupConfig{InitialVersion: "0.0"}, logger).Run(); err != nil {
		return fmt.Errorf("set up the schema of database %s: %w", store.DatabaseName, err)
	}
	if err := schema.NewUpdateSchemaTask(conn, &schema.UpdateConfig{SchemaName: schemaName}, logger).Run(); err != nil {
		return fmt.Errorf("update the schema of database %s: %w", store.DatabaseName, err)
	}
	return nil
}
