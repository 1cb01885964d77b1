package sbom

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/anchore/syft/syft/file"
)

// errNotSQLite is the cause of an error of [checker.rows] for a database of another format.
var errNotSQLite = errors.New("not an SQLite database")

// rows counts the packages of an rpm database in SQLite's format and reads each to its
// end. Syft stops at the first row that is damaged, and takes it for the last.
func (c *checker) rows(ctx context.Context, l file.Location, tempDir string) (n int, err error) {
	in, err := c.files.FileContentsByLocation(l)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	magic := make([]byte, 16)
	if _, err := io.ReadFull(in, magic); err != nil || string(magic) != "SQLite format 3\x00" {
		return 0, errNotSQLite
	}
	out, err := os.CreateTemp(tempDir, "imagegate-rpmdb-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.Remove(out.Name()) }()
	_, err = io.Copy(out, io.MultiReader(bytes.NewReader(magic), in))
	if err := errors.Join(err, out.Close()); err != nil {
		return 0, err
	}
	db, err := sql.Open("sqlite", fmt.Sprintf("file:%s?mode=ro&immutable=1", out.Name()))
	if err != nil {
		return 0, err
	}
	defer db.Close()
	list, err := db.QueryContext(ctx, "SELECT blob FROM Packages")
	if err != nil {
		return 0, err
	}
	defer list.Close()
	for list.Next() {
		var header sql.RawBytes
		if err := list.Scan(&header); err != nil {
			return n, err
		}
		n++
	}
	return n, list.Err()
}
