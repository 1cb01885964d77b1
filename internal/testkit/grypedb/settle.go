package grypedb

import (
	"database/sql"
	"errors"
	"os"
	"slices"
	"strings"
	"time"
)

// settle copies the database at path into a file whose bytes depend on its records and
// on built alone, and puts it in its place. Grype's writer takes the build time from
// the clock, and creates tables and foreign keys in the order in which Go's maps
// happen to give them.
func settle(path string, built time.Time) error {
	fresh := path + ".new"
	// The "sqlite" driver is the one that Grype's own store registers.
	s, err := sql.Open("sqlite", fresh)
	if err != nil {
		return err
	}
	s.SetMaxOpenConns(1) // an attached database is known to its connection only
	if err := errors.Join(copySorted(s, path, built), s.Close()); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}

func copySorted(s *sql.DB, path string, built time.Time) error {
	if _, err := s.Exec(`ATTACH DATABASE ? AS made`, path); err != nil {
		return err
	}
	if _, err := s.Exec(`UPDATE made.db_metadata SET build_timestamp = ?`, built.Format("2006-01-02 15:04:05-07:00")); err != nil {
		return err
	}
	tables, err := definitions(s)
	if err != nil {
		return err
	}
	for _, t := range tables {
		if _, err := s.Exec(t.definition); err != nil {
			return err
		}
		if _, err := s.Exec("INSERT INTO main.`" + t.name + "` SELECT * FROM made.`" + t.name + "` ORDER BY rowid"); err != nil {
			return err
		}
	}
	_, err = s.Exec(`DETACH DATABASE made`)
	return err
}

type table struct{ name, definition string }

// definitions are the tables by name, each with its CREATE statement.
func definitions(s *sql.DB) ([]table, error) {
	rows, err := s.Query(`SELECT name, sql FROM made.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // read to its end below, which reports any error
	var out []table
	for rows.Next() {
		var t table
		if err := rows.Scan(&t.name, &t.definition); err != nil {
			return nil, err
		}
		// The constraints come last in each definition.
		parts := strings.Split(strings.TrimSuffix(t.definition, ")"), ",CONSTRAINT ")
		slices.Sort(parts[1:])
		t.definition = strings.Join(parts, ",CONSTRAINT ") + ")"
		out = append(out, t)
	}
	return out, rows.Err()
}
