package leaks_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/leaks"
	"github.com/tokendesk/tokendesk/internal/store"
)

// outcomes are what the log tells of pasted values, in order.
func outcomes(r *desktest.Rig) (out []string) {
	r.T.Helper()
	if err := r.Desk.Store.Read(r.T.Context(), func(tx *store.Tx) error {
		out = nil
		for seq := int64(0); ; {
			page, err := tx.AuditAfter(r.Tenant, seq, 200)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, e := range page {
				seq = e.Event.Seq
				if e.Event.Action == audit.LeakIntake {
					out = append(out, e.Detail.Data["outcome"])
				}
			}
		}
	}); err != nil {
		r.T.Fatal(err)
	}
	return out
}

// A pasted value that was made here ends its token, however it was copied.
func TestIntakeEndsWhatItKnows(t *testing.T) {
	t.Parallel()
	for name, paste := range map[string]func(value string) string{
		"alone":               func(v string) string { return v },
		"with spaces":         func(v string) string { return " \t" + v + "\r\n" },
		"in quotes":           func(v string) string { return `"` + v + `",` },
		"as a header":         func(v string) string { return "Authorization: Bearer " + v },
		"as a bearer":         func(v string) string { return "bearer " + v },
		"with a shard before": func(v string) string { return "4521~" + bare(v) },
		"without its shard":   bare,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			c, value := r.Collected()
			r.Activate("maya", c.Grant.CanvasID)
			p, err := r.Leaks.Check(t.Context(), desktest.Older(r.As("dana", access.DoorAccount)), paste(value))
			if err != nil || p.Grant.ID != c.Grant.ID || p.Grant.State != access.Revoked || r.W.Authenticates(value) {
				t.Fatalf("%+v, %v", p.Grant, err)
			}
			i := r.Incidents(r.Tenant)
			if len(i) != 1 || i[0].How != access.LeakByIntake || i[0].Owner != c.Request.Requester {
				t.Errorf("%+v", i)
			}
			r.Drain()
			if got := outcomes(r); len(got) != 1 || got[0] != "match" {
				t.Errorf("recorded %q", got)
			}
			if got := r.Subjects("maya"); !desktest.Has(got, "Leak reported: token deleted") {
				t.Errorf("the owner got %q", got)
			}
			r.Proven()
			r.Searched(value)
		})
	}
}

func bare(v string) string {
	if _, after, ok := strings.Cut(v, "~"); ok {
		return after
	}
	return v
}

// An ended token opens its incident, and is not touched.
func TestIntakeOfAnEndedToken(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		c, value := r.Collected()
		if _, err := r.Tokens.Revoke(r.T.Context(), r.As("maya", access.DoorCourse), c.Grant.ID, ""); err != nil {
			r.T.Fatal(err)
		}
		p, err := r.Leaks.Check(r.T.Context(), r.As("dana", access.DoorAccount), value)
		if err != nil || p.Grant.Cause != access.ByOwner || !p.LeakOpen() {
			r.T.Errorf("%+v, %v", p.Grant, err)
		}
		r.Proven()
		r.Searched(value)
	})
}

func TestIntakeKnowsNothingElse(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		ctx := r.T.Context()
		c, value := r.Collected()
		dana := r.As("dana", access.DoorAccount)
		other := strings.Repeat("Zy9xW8vU", 8)
		if _, err := r.Leaks.Check(ctx, dana, other); !errors.Is(err, access.ErrNotFound) {
			r.T.Errorf("a value nobody made here: %v", err)
		}
		// Its first characters are no evidence.
		if _, err := r.Leaks.Check(ctx, dana, value[:len(value)-8]+other[:8]); !errors.Is(err, access.ErrNotFound) {
			r.T.Errorf("the same beginning: %v", err)
		}
		for _, text := range []string{"", "hello", strings.Repeat("a", leaks.IntakeLimit+1), "two words " + value, value + "\x00", "https://x.example/?access_token=" + value} {
			var form *access.FormError
			if _, err := r.Leaks.Check(ctx, dana, text); !errors.As(err, &form) || strings.Contains(err.Error(), value) {
				r.T.Errorf("%.20q: %v", text, err)
			}
		}
		want := []string{"none", "none", "not_a_token", "not_a_token", "not_a_token", "not_a_token", "not_a_token", "not_a_token"}
		if got := outcomes(r); strings.Join(got, " ") != strings.Join(want, " ") {
			r.T.Errorf("recorded %q", got)
		}
		if g := r.Grant(c.Grant.ID); g.State != access.HandedOver || len(r.Incidents(r.Tenant)) != 0 {
			r.T.Errorf("%s", g.State)
		}
		for name, caller := range map[string]access.Caller{"the owner": r.As("maya", access.DoorCourse), "the sponsor": r.As("ana", access.DoorCourse), "an admin in a course": r.As("dana", access.DoorCourse), "acting": r.As("dana", access.DoorAccount, desktest.ActingBy("9"))} {
			if _, err := r.Leaks.Check(ctx, caller, value); access.WhyOf(err) == "" {
				r.T.Errorf("%s: %v", name, err)
			}
		}
		if len(outcomes(r)) != len(want) || len(r.Incidents(r.Tenant)) != 0 {
			r.T.Error("a refused try did something")
		}
		r.Searched(value)
		r.Searched(other)
	})
}
