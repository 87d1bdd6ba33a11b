package launchtest

// This file is compiled in two trees: here, and in that of the old program, which
// made the database and recorded the pages. So it knows no more of a program than
// what both have. See testdata/old/README.md.

import (
	"compress/gzip"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/app"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/config"
	"github.com/tokendesk/tokendesk/internal/secret"
)

// The old program's story begins here; the file of its world tells when it ended.
var oldStart = time.Date(2026, 10, 5, 14, 0, 0, 0, time.UTC)

const oldFolder = "testdata/old"

// oldPupils are students of BIO 201, beside those that a stand-in always has.
const oldPupils = 70

func pupil(n int) string { return fmt.Sprintf("p%02d", n) }

var (
	givenNames  = []string{"Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gina", "Hugo", "Ida", "Jon"}
	familyNames = []string{"Abel", "Brook", "Clay", "Dorn", "Ebert", "Frost", "Grant", "Hill"}
)

// oldWorld is the Canvas of the story at its beginning.
func oldWorld(clock *canvastest.Clock) *canvastest.World {
	w := canvastest.DefaultWorld(clock)
	for _, c := range []canvastest.Course{
		{Key: "art100", Name: "Drawing", Code: "ART 100", SISID: "ART-100"},
		{Key: "mus150", Name: "Harmony", Code: "MUS 150", SISID: "MUS-150"},
	} {
		w.AddCourse("sciences", "current", c)
	}
	add := func(key, name, course, part string) {
		w.AddUser(canvastest.User{Key: key, Name: name, Email: key + "@northfield.example"}, key, "X-"+key)
		w.Enroll(key, course, part)
	}
	add("carla", "Carla Stein", "bio201", canvastest.TeacherEnrollment)
	add("boris", "Boris Lang", "bio201", canvastest.TeacherEnrollment)
	w.Enroll("boris", "art100", canvastest.TeacherEnrollment)
	w.Enroll("boris", "mus150", canvastest.TeacherEnrollment)
	for n := range oldPupils {
		name := givenNames[n%len(givenNames)] + " " + familyNames[n/len(givenNames)]
		add(pupil(n), name, oldCourseOf(pupil(n)), canvastest.StudentEnrollment)
	}
	return w
}

// oldCourseOf is the course that a pupil works in.
func oldCourseOf(key string) string {
	switch key {
	case pupil(17):
		return "art100"
	case pupil(55):
		return "mus150"
	}
	return "bio201"
}

// oldChanges are what happened in Canvas during the story, by name.
var oldChanges = map[string]func(w *canvastest.World){
	"a course ends": func(w *canvastest.World) {
		w.UpdateCourse("art100", func(c *canvastest.Course) { c.State = canvastest.StateCompleted })
	},
	"another course ends": func(w *canvastest.World) {
		w.UpdateCourse("mus150", func(c *canvastest.Course) { c.State = canvastest.StateCompleted })
	},
	"a teacher leaves": func(w *canvastest.World) { w.SetEnrollmentState("carla", "bio201", canvastest.StateCompleted) },
	"a student leaves": func(w *canvastest.World) { w.SetEnrollmentState(pupil(16), "bio201", canvastest.StateDeleted) },
	"two accounts are merged": func(w *canvastest.World) {
		if err := w.MergeUsers(pupil(28), pupil(29)); err != nil {
			panic(err)
		}
	},
	"a reviewer had two accounts": func(w *canvastest.World) {
		if err := w.MergeUsers(pupil(27), "priya"); err != nil {
			panic(err)
		}
	},
}

// oldState is what is left of the story beside the database.
type oldState struct {
	End     time.Time `json:"end"`
	Service string    `json:"service"` // the stand-in's API token, that the database has sealed
	Reports int       `json:"reports"` // that the tool has asked the stand-in for
	// Handles are of sessions in the database, by person.
	Handles map[string]string `json:"handles"`
	Tokens  []oldToken        `json:"tokens"`
}

// upgraded is when the upgrade is: until then a worker of the old program, which
// has died, holds a job.
func (state oldState) upgraded() time.Time { return state.End.Add(6 * time.Minute) }

type oldToken struct {
	ID       canvastest.ID `json:"id"`
	User     string        `json:"user"`
	Purpose  string        `json:"purpose"`
	State    string        `json:"state"`
	Hint     string        `json:"hint"`
	Created  time.Time     `json:"created"`
	Updated  time.Time     `json:"updated"`
	Expires  time.Time     `json:"expires,omitzero"`
	LastUsed time.Time     `json:"last_used,omitzero"`
}

// oldData are the rows, as JSON: of each table a line that names its columns, then
// a line for each row.
func oldData(t testing.TB) string {
	t.Helper()
	text, err := readOldData()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

var readOldData = sync.OnceValues(func() (string, error) { return readZipped("data.jsonl.gz") })

func readZipped(name string) (string, error) {
	f, err := os.Open(filepath.Join(oldFolder, name))
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	in, err := gzip.NewReader(f)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(in)
	return string(text), err
}

func readOldState(t testing.TB) (state oldState) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(oldFolder, "world.json"))
	if err == nil {
		err = json.Unmarshal(b, &state)
	}
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// oldSchool is a stand-in and an address for the tool, before anything runs. The
// stand-in makes its API token anew each time; it takes that of the state too.
func oldSchool(t testing.TB, dsn string, state oldState) *school {
	t.Helper()
	clock := canvastest.NewFixedClock(oldStart)
	s := &school{desk: &desk{t: t, dsn: dsn, logs: &logs{}, clock: clock}, w: oldWorld(clock)}
	var handler http.Handler
	serve := func() string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if state.Service != "" && r.Header.Get("Authorization") == "Bearer "+state.Service {
				r.Header.Set("Authorization", "Bearer "+s.w.ServiceToken())
			}
			handler.ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		return server.Listener.Addr().String()
	}
	at := serve()
	_, port, err := net.SplitHostPort(at)
	if err != nil {
		t.Fatal(err)
	}
	s.cv = canvastest.New(canvastest.Options{World: s.w, InstitutionURL: "http://" + at, SSOURL: "http://sso.localhost:" + port})
	handler = s.cv.Handler()
	t.Cleanup(s.cv.ClearFaults) // one that holds a request would keep the server
	return s
}

// places are what stands in the data for the addresses of one run.
func (s *school) places() map[string]string {
	host := func(raw string) string {
		u, err := url.Parse(raw)
		if err != nil {
			s.t.Fatal(err)
		}
		return u.Host
	}
	all := map[string]string{"{{sso}}": host(s.cv.SSOURL()), "{{canvas}}": host(s.cv.InstitutionURL()), "{{tool}}": host(s.url)}
	for mark, at := range all {
		all["{{"+mark+"}}"] = url.QueryEscape(at)
	}
	return all
}

// address gives the tool an address, before there is a program to answer.
func (d *desk) address() (serve func(a *app.App), cfg config.Config) {
	d.t.Helper()
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	d.t.Cleanup(server.Close)
	at := server.Listener.Addr().String()
	_, port, err := net.SplitHostPort(at)
	if err != nil {
		d.t.Fatal(err)
	}
	d.url = "http://localhost:" + port
	d.clients = []*http.Client{replicaClient(d.t, at)}
	d.db = openDatabase(d.t, d.dsn)
	cfg = config.Default()
	cfg.Database, cfg.PublicURL, cfg.MasterKeyFile = secret.New(d.dsn), d.url, masterKey(d.t)
	d.keyFile = cfg.MasterKeyFile
	return func(a *app.App) {
		d.apps, handler = []*app.App{a}, a.Handler()
		d.t.Cleanup(func() {
			if err := a.Close(); err != nil {
				d.t.Error(err)
			}
		})
	}, cfg
}

// masterKey is the key file of the old database, with the permissions that a key
// file needs.
func masterKey(t testing.TB) string {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(oldFolder, "master-key.txt"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "master.key")
	if err := os.WriteFile(file, key, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// log keeps what the program writes.
func (d *desk) log() *slog.Logger {
	return slog.New(slog.NewJSONHandler(d.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// restore brings the stand-in to where the story ended, and the clock with it.
func (s *school) restore(state oldState) {
	s.t.Helper()
	s.tool = s.install(func(*canvastest.Tool) {})
	for _, tok := range state.Tokens {
		made, _ := s.w.SeedToken(tok.User, canvastest.TokenSpec{Purpose: tok.Purpose, State: tok.State, CreatedAt: tok.Created, ExpiresAt: tok.Expires, LastUsed: tok.LastUsed})
		if made.ID != tok.ID {
			s.t.Fatalf("the stand-in makes token %d where the story has %d", made.ID, tok.ID)
		}
		s.w.UpdateToken(made.ID, func(t *canvastest.Token) { t.Hint, t.UpdatedAt = tok.Hint, tok.Updated })
	}
	for _, change := range oldChanges {
		change(s.w)
	}
	for range state.Reports {
		req := s.stranger().request(http.MethodPost, s.cv.InstitutionURL()+"/api/v1/accounts/self/reports/user_access_tokens_csv", url.Values{})
		req.Header.Set("Authorization", "Bearer "+s.w.ServiceToken())
		res, err := s.cv.Client().Do(req)
		if err != nil {
			s.t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
			s.t.Fatalf("the stand-in's report: %d, %v", res.StatusCode, err)
		}
	}
	s.clock.Advance(state.upgraded().Sub(s.clock.Now()))
	s.cv.ClearRequests()
}

// loadOld puts the old program's rows into its schema.
func (s *school) loadOld(db *sql.DB) {
	s.t.Helper()
	tx, err := db.BeginTx(s.t.Context(), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	table, columns := "", ""
	for line := range strings.Lines(oldData(s.t)) {
		if table != "audit_details" { // what was written down stays as it was
			for mark, at := range s.places() {
				line = strings.ReplaceAll(line, mark, at)
			}
		}
		var head struct {
			Table   string   `json:"table"`
			Columns []string `json:"columns"`
		}
		if strings.HasPrefix(line, "{") {
			if err := json.Unmarshal([]byte(line), &head); err != nil {
				s.t.Fatal(err)
			}
			table, columns = head.Table, strings.Join(head.Columns, ", ")
			continue
		}
		var cells []any
		if err := json.Unmarshal([]byte(line), &cells); err != nil {
			s.t.Fatal(err)
		}
		values := make([]string, len(cells))
		for i, c := range cells {
			values[i] = s.literal(c)
		}
		q := "INSERT INTO " + table + " (" + columns + ") VALUES (" + strings.Join(values, ", ") + ")"
		if _, err := tx.ExecContext(s.t.Context(), q); err != nil {
			s.t.Fatalf("%s: %v", q, err)
		}
	}
	if err := tx.Commit(); err != nil {
		s.t.Fatal(err)
	}
}

// literal is a cell as both engines read it into whatever type its column has:
// null, a text, or bytes as {"x": hex}.
func (s *school) literal(cell any) string {
	switch c := cell.(type) {
	case nil:
		return "NULL"
	case string:
		return "'" + strings.ReplaceAll(c, "'", "''") + "'"
	case map[string]any:
		if x, ok := c["x"].(string); ok && len(c) == 1 {
			if strings.HasPrefix(s.dsn, "sqlite:") {
				return "x'" + x + "'"
			}
			return `'\x` + x + "'"
		}
	}
	s.t.Fatalf("a cell is %v", cell)
	return ""
}
