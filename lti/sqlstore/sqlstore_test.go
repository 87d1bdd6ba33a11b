package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/glebarez/sqlite"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/lti"
	"github.com/tokendesk/tokendesk/lti/memstore"
	"github.com/tokendesk/tokendesk/lti/sqlstore"
)

// importable is what the stores of this module for others have in common.
type importable interface {
	lti.RegistrationStore
	lti.StateStore
	Put(ctx context.Context, r lti.Registration) error
	Remove(ctx context.Context, id string) error
}

// each runs a test on every importable store, and hands it two that share what
// they keep, as replicas do.
func each(t *testing.T, test func(t *testing.T, s, replica importable)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		s := memstore.New()
		test(t, s, s)
	})
	storetest.EachURL(t, func(t *testing.T, url string) {
		var both [2]*sqlstore.Store
		for i := range both {
			driver, dsn, dialect := "pgx", url, sqlstore.PostgreSQL
			if file, ok := strings.CutPrefix(url, "sqlite:"); ok {
				driver, dsn, dialect = "sqlite", file+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)", sqlstore.SQLite
			}
			db, err := sql.Open(driver, dsn)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			both[i] = sqlstore.New(db, dialect)
			if err := both[i].CreateTables(t.Context()); err != nil { // the second time there is nothing to do
				t.Fatal(err)
			}
		}
		test(t, both[0], both[1])
	})
}

func registration(id, clientID string, deployments ...string) lti.Registration {
	r := lti.Registration{
		ID: id, Issuer: "https://lms.example.edu", ClientID: clientID, AuthURL: "https://lms.example.edu/auth",
		TokenURL: "https://lms.example.edu/token", KeySetURL: "https://lms.example.edu/keys", PlatformGUID: "guid of " + id,
		RosterHosts: []string{"lms.example.edu"}, FrameOrigins: []string{"https://lms.example.edu"},
	}
	for _, d := range deployments {
		r.Deployments = append(r.Deployments, lti.Deployment{ID: d, Root: true})
	}
	return r
}

func at(minute int) time.Time { return time.Date(2026, 11, 23, 16, minute, 0, 0, time.UTC) }

func TestRegistrations(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s, replica importable) {
		one, two := registration("one", "1", "d1", "d2"), registration("two", "2", "d2", "d3")
		for _, r := range []lti.Registration{registration("one", "9"), one, two} { // the second replaces the first
			if err := s.Put(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Put(t.Context(), lti.Registration{ID: "three"}); err == nil {
			t.Error("an unusable registration is stored")
		}
		for _, tt := range []struct{ issuer, client, deployment, want string }{
			{one.Issuer, "1", "", "one"},
			{one.Issuer, "1", "d9", "one"}, // the deployment is a hint; the launch decides
			{one.Issuer, "2", "d1", "two"},
			{one.Issuer, "", "d1", "one"},
			{one.Issuer, "", "d3", "two"},
			{one.Issuer, "", "d2", ""}, // both have it
			{one.Issuer, "", "", ""},
			{one.Issuer, "", "d9", ""},
			{one.Issuer, "9", "", ""},
			{one.Issuer + "/", "1", "", ""},
		} {
			got, err := replica.FindRegistration(t.Context(), tt.issuer, tt.client, tt.deployment)
			if got.ID != tt.want || (tt.want == "") != errors.Is(err, lti.ErrUnknownRegistration) {
				t.Errorf("%+v gives %q, %v", tt, got.ID, err)
			}
		}
		got, err := replica.Registration(t.Context(), "one")
		if err != nil || !reflect.DeepEqual(got, one) {
			t.Errorf("%v\ngot  %+v\nwant %+v", err, got, one)
		}
		got.Deployments[0].ID = "changed by its reader"
		if again, err := s.Registration(t.Context(), "one"); err != nil || !reflect.DeepEqual(again, one) {
			t.Errorf("stored is %+v, %v", again, err)
		}
		for range 2 {
			if err := s.Remove(t.Context(), "one"); err != nil {
				t.Error(err)
			}
		}
		if _, err := replica.Registration(t.Context(), "one"); !errors.Is(err, lti.ErrUnknownRegistration) {
			t.Errorf("a removed registration: %v", err)
		}
		if got, err := s.FindRegistration(t.Context(), two.Issuer, "", ""); err != nil || got.ID != "two" {
			t.Errorf("the only one left: %q, %v", got.ID, err)
		}
	})
}

// atOnce calls both stores from sixteen callers and returns their errors.
func atOnce(s, replica importable, call func(importable) error) []error {
	errs := make([]error, 16)
	var done sync.WaitGroup
	for i := range errs {
		done.Go(func() { errs[i] = call([]importable{s, replica}[i%2]) })
	}
	done.Wait()
	return errs
}

// oneWon fails unless one call succeeded, and every other for that reason.
func oneWon(t *testing.T, errs []error, otherwise error) {
	t.Helper()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, otherwise) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d succeeded", won, len(errs))
	}
}

func TestNonces(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s, replica importable) {
		for i := range 5 {
			n := lti.Nonce{RegistrationID: "one", Hash: fmt.Sprint(i), ExpiresAt: at(i)}
			oneWon(t, atOnce(s, replica, func(s importable) error { return s.SpendNonce(t.Context(), n) }), lti.ErrNonceSpent)
		}
		if err := s.SpendNonce(t.Context(), lti.Nonce{RegistrationID: "two", Hash: "0", ExpiresAt: at(9)}); err != nil {
			t.Errorf("another registration's nonce: %v", err)
		}
		if n, err := s.PurgeStates(t.Context(), at(3)); n != 3 || err != nil {
			t.Errorf("purged %d, %v", n, err)
		}
		if err := replica.SpendNonce(t.Context(), lti.Nonce{RegistrationID: "one", Hash: "3", ExpiresAt: at(9)}); !errors.Is(err, lti.ErrNonceSpent) {
			t.Errorf("a nonce at the moment of its expiry: %v", err)
		}
	})
}

func TestHeldLaunches(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s, replica importable) {
		h := lti.Held{Hash: "h", BinderHash: "b", Launch: []byte(`{"sub":"é"}`), ExpiresAt: at(5)}
		for range 2 {
			if err := s.HoldLaunch(t.Context(), h); err != nil {
				t.Fatal(err)
			}
			oneWon(t, atOnce(s, replica, func(s importable) error {
				got, err := s.TakeHeld(t.Context(), "h")
				if err == nil && !reflect.DeepEqual(got, h) {
					t.Errorf("took %+v", got)
				}
				return err
			}), lti.ErrHeldUnknown)
		}
		if err := s.HoldLaunch(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		if n, err := s.PurgeStates(t.Context(), at(5)); n != 0 || err != nil {
			t.Errorf("purged %d, %v", n, err)
		}
		if n, err := replica.PurgeStates(t.Context(), at(6)); n != 1 || err != nil {
			t.Errorf("purged %d, %v", n, err)
		}
		if _, err := s.TakeHeld(t.Context(), "h"); !errors.Is(err, lti.ErrHeldUnknown) {
			t.Errorf("a purged launch: %v", err)
		}
	})
}

// Where the database does not answer, nothing is unknown, and nothing was spent.
func TestWithoutADatabase(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", t.TempDir()+"/closed.db")
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s := sqlstore.New(db, sqlstore.SQLite)
	_, find := s.FindRegistration(t.Context(), "i", "c", "")
	_, get := s.Registration(t.Context(), "one")
	_, take := s.TakeHeld(t.Context(), "h")
	_, purge := s.PurgeStates(t.Context(), at(0))
	for i, err := range []error{
		find, get, take, purge, s.CreateTables(t.Context()), s.SpendNonce(t.Context(), lti.Nonce{}), s.HoldLaunch(t.Context(), lti.Held{}),
		s.Remove(t.Context(), "one"), s.Put(t.Context(), registration("one", "1", "d")),
	} {
		if err == nil || errors.Is(err, lti.ErrUnknownRegistration) || errors.Is(err, lti.ErrNonceSpent) || errors.Is(err, lti.ErrHeldUnknown) {
			t.Errorf("call %d: %v", i, err)
		}
	}
}
