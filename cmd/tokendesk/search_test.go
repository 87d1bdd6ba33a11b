package main

import (
	"crypto/rand"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// Where pg_trgm cannot be made, migrate succeeds and says the one line for the
// database's owner, and so does doctor; once it is there, migrate uses it.
func TestMigrateTellsWhatSearchingLacks(t *testing.T) {
	t.Parallel()
	url, owner := storetest.Limited(t)
	d := newDesk(t)
	key, random := filepath.Join(d.dir, "master.key"), make([]byte, 32)
	_, _ = rand.Read(random) // never fails
	if err := os.WriteFile(key, []byte(base64.StdEncoding.EncodeToString(random)), 0o600); err != nil {
		t.Fatal(err)
	}
	d.env = append(d.env[1:], "TOKENDESK_DATABASE_URL="+url, "TOKENDESK_MASTER_KEY_FILE="+key)
	for range 2 {
		if out := d.fine("migrate"); strings.Count(out, "CREATE EXTENSION pg_trgm;") != 1 || strings.Count(out, "\n") != 2 {
			t.Errorf("%q", out)
		}
	}
	if _, out, _ := d.run("doctor"); !strings.Contains(out, "note  search: ") || !strings.Contains(out, "CREATE EXTENSION pg_trgm;") {
		t.Errorf("%q", out)
	}
	owner("CREATE EXTENSION pg_trgm")
	if out := d.fine("migrate"); strings.Contains(out, "pg_trgm") {
		t.Errorf("%q", out)
	}
	if _, out, _ := d.run("doctor"); strings.Contains(out, "search") {
		t.Errorf("%q", out)
	}
}
