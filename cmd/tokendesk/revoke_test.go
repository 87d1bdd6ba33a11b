package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
)

// school is a desk with a registered Canvas and n active tokens of Maya's in it.
func school(t *testing.T, n int) (*desk, *canvastest.Server) {
	t.Helper()
	d := newDesk(t)
	cv := canvastest.Start(t, canvastest.Options{})
	d.fine("migrate")
	d.fine(d.add(cv)...)
	st, err := store.Open(t.Context(), "sqlite:"+filepath.Join(d.dir, "t.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	now := time.Now()
	maya := cv.World().User("maya")
	err = st.InTx(t.Context(), func(tx *store.Tx) error {
		ps, err := tx.Platforms()
		if err != nil {
			return err
		}
		tenant := ps[0].Tenant
		if err := tx.SavePerson(store.Person{ID: "per_maya", Tenant: tenant, CanvasUser: maya.ID.String(), Name: maya.Name, CreatedAt: now}); err != nil {
			return err
		}
		if err := tx.SavePerson(store.Person{ID: "per_dana", Tenant: tenant, Name: "Dana", CreatedAt: now}); err != nil {
			return err
		}
		for i := range n {
			r := access.Request{ID: store.NewID("req"), Tenant: tenant, Number: i + 1, Version: 1, State: access.Fulfilled, PolicyVersion: 1, Requester: "per_maya", Affiliation: policy.Student,
				Votes: access.Votes{{Stage: 1, Part: access.AsReviewer, Person: "per_dana", Verdict: access.Yes, At: now}}, CreatedAt: now, UpdatedAt: now, Answers: access.Answers{"build": {fmt.Sprint("Helper ", i)}}}
			g := access.NewGrant(store.NewID("grt"), r, maya.ID.String(), now.AddDate(0, 1, 0), now)
			tok, _ := cv.World().SeedToken("maya", canvastest.TokenSpec{Purpose: g.Purpose(), ExpiresAt: g.Wanted})
			g.State, g.CanvasID, g.ShownAt = access.Active, tok.ID.String(), now
			told := func(do audit.Action, id, to string) audit.Event {
				return audit.Event{Tenant: string(tenant), At: now, Actor: "system", Action: do, Object: id, To: to, Version: 1}
			}
			if err := tx.CreateRequest(r, told(audit.RequestCreate, r.ID, string(r.State)), nil); err != nil {
				return err
			}
			if err := tx.CreateGrant(g, told(audit.GrantCreate, g.ID, string(g.State)), nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return d, cv
}

func working(cv *canvastest.Server) int { return len(cv.World().UsableTokens("maya")) }

func TestRevokeMany(t *testing.T) {
	t.Parallel()
	d, cv := school(t, 4)
	out := d.fine("revoke", "-filter", "role=student", "-dry-run")
	for _, want := range []string{"4 tokens of 1 people will stop", "by role: student 4", "Dry run: nothing was ended.", "role=student"} {
		if !strings.Contains(out, want) {
			t.Errorf("the rehearsal does not say %q:\n%s", want, out)
		}
	}
	if working(cv) != 4 {
		t.Fatalf("%d tokens work after a rehearsal", working(cv))
	}
	command := []string{"revoke", "-filter", "role=student", "-reason", "breach drill"}
	for typed, want := range map[string]string{"": "nothing was typed; nothing was done", "\n": "nothing was typed", "3\n": "that is not 4; nothing was done", "yes\n": "that is not 4"} {
		if code, _, errs := d.with(strings.NewReader(typed), command...); code != exitFailure || !strings.Contains(errs, want) || working(cv) != 4 {
			t.Errorf("typed %q: exit %d, %q; %d tokens work", typed, code, errs, working(cv))
		}
	}
	code, out, errs := d.with(strings.NewReader("4\n"), command...)
	if code != exitFine || working(cv) != 0 {
		t.Fatalf("exit %d: %s%s; %d tokens work", code, out, errs, working(cv))
	}
	for _, want := range []string{"Type 4 to confirm", "4 of 4 confirmed gone", "4 confirmed gone, 0 had ended before", "mas_"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	if code, _, errs := d.with(strings.NewReader("4\n"), command...); code != exitFailure || !strings.Contains(errs, "no token that can be revoked matches") {
		t.Errorf("again: exit %d, %q", code, errs)
	}
	log := d.fine("audit", "export")
	for _, want := range []string{`"mass.start"`, `"mass.finish"`, `"operator:`, "breach drill", "role=student"} {
		if !strings.Contains(log, want) {
			t.Errorf("the audit log lacks %s", want)
		}
	}
}

// stopping keeps what a command says, and stops it once it has said something.
type stopping struct {
	strings.Builder
	at   string
	stop func()
}

func (s *stopping) Write(p []byte) (int, error) {
	n, err := s.Builder.Write(p)
	if strings.Contains(s.String(), s.at) {
		s.stop()
	}
	return n, err
}

// Stopped on the way, the same command goes on without asking again.
func TestRevokeManyGoesOn(t *testing.T) {
	t.Parallel()
	d, cv := school(t, 3)
	withdraw := cv.Fail(canvastest.Fault{Route: "/api/v1/users/:user_id/tokens/:id", Method: http.MethodDelete, Status: 500, Times: -1})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out := &stopping{at: "of 3 confirmed gone", stop: stop}
	var errs strings.Builder
	code := run(ctx, []string{"revoke", "-filter", "all=yes", "-reason", "breach"}, d.env, strings.NewReader("3\n"), out, &errs)
	if code != exitFailure || !strings.Contains(errs.String(), "stopped: 0 of 3 are confirmed gone") || working(cv) != 3 {
		t.Fatalf("exit %d: %s%s", code, out.String(), errs.String())
	}
	withdraw()
	again := d.fine("revoke", "-filter", "all=yes", "-reason", "breach")
	if !strings.Contains(again, "is not finished: 0 of 3") || !strings.Contains(again, "3 confirmed gone") || working(cv) != 0 {
		t.Errorf("%s; %d tokens work", again, working(cv))
	}
}

func TestRevokeManyIsUsedRightly(t *testing.T) {
	t.Parallel()
	d, cv := school(t, 1)
	for name, tt := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no filter":            {[]string{"revoke", "-reason", "x"}, exitUsage, "-filter is needed"},
		"no reason":            {[]string{"revoke", "-filter", "all=yes"}, exitUsage, "-reason is needed"},
		"a reason of spaces":   {[]string{"revoke", "-filter", "all=yes", "-reason", " "}, exitUsage, "-reason is needed"},
		"a key that is none":   {[]string{"revoke", "-filter", "colour=red", "-reason", "x"}, exitUsage, "is no key of a filter"},
		"all beside others":    {[]string{"revoke", "-filter", "all=yes,role=student", "-reason", "x"}, exitUsage, "all=yes stands alone"},
		"an unknown platform":  {[]string{"revoke", "-filter", "all=yes", "-reason", "x", "-platform", "Elsewhere"}, exitUsage, "no platform is named"},
		"nothing that matches": {[]string{"revoke", "-filter", "role=staff", "-reason", "x"}, exitFailure, "nothing was done"},
		"an argument too many": {[]string{"revoke", "all=yes"}, exitUsage, "is not a flag"},
	} {
		if code, _, errs := d.with(strings.NewReader("1\n"), tt.args...); code != tt.code || !strings.Contains(errs, tt.want) || working(cv) != 1 {
			t.Errorf("%s: exit %d, %q", name, code, errs)
		}
	}
	other := canvastest.Start(t, canvastest.Options{})
	second := d.add(other)
	for i, a := range second {
		if a == "Northfield" {
			second[i] = "Southfield"
		}
		if a == "10000000000002" {
			second[i] = "10000000000003"
		}
	}
	d.fine(second...)
	if code, _, errs := d.with(strings.NewReader("1\n"), "revoke", "-filter", "all=yes", "-reason", "x"); code != exitUsage || !strings.Contains(errs, "name one with -platform") {
		t.Errorf("with two platforms: exit %d, %q", code, errs)
	}
}
