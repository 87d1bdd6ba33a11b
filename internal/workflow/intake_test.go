package workflow

import (
	"errors"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
)

// outcomes are what the log tells of pasted values, in order.
func (r *rig) outcomes() (out []string) {
	r.t.Helper()
	if err := r.Store.Read(r.t.Context(), func(tx *store.Tx) error {
		out = nil
		for seq := int64(0); ; {
			page, err := tx.AuditAfter(r.tenant, seq, 200)
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
		r.t.Fatal(err)
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
			r := newRig(t, sqlite(t))
			c, value := r.collected()
			r.activate("maya", c.Grant.CanvasID)
			p, err := r.CheckLeak(t.Context(), older(r.as("dana", access.DoorAccount)), paste(value))
			if err != nil || p.Grant.ID != c.Grant.ID || p.Grant.State != access.Revoked || r.w.Authenticates(value) {
				t.Fatalf("%+v, %v", p.Grant, err)
			}
			i := r.incidents(r.tenant)
			if len(i) != 1 || i[0].How != access.LeakByIntake || i[0].Owner != c.Request.Requester {
				t.Errorf("%+v", i)
			}
			r.drain()
			if got := r.outcomes(); len(got) != 1 || got[0] != "match" {
				t.Errorf("recorded %q", got)
			}
			if got := r.subjects("maya"); !has(got, "Leak reported: token deleted") {
				t.Errorf("the owner got %q", got)
			}
			r.proven()
			r.searched(value)
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
	each(t, func(r *rig) {
		c, value := r.collected()
		if _, err := r.Revoke(r.t.Context(), r.as("maya", access.DoorCourse), c.Grant.ID, ""); err != nil {
			r.t.Fatal(err)
		}
		p, err := r.CheckLeak(r.t.Context(), r.as("dana", access.DoorAccount), value)
		if err != nil || p.Grant.Cause != access.ByOwner || !p.LeakOpen() {
			r.t.Errorf("%+v, %v", p.Grant, err)
		}
		r.proven()
		r.searched(value)
	})
}

func TestIntakeKnowsNothingElse(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		ctx := r.t.Context()
		c, value := r.collected()
		dana := r.as("dana", access.DoorAccount)
		other := strings.Repeat("Zy9xW8vU", 8)
		if _, err := r.CheckLeak(ctx, dana, other); !errors.Is(err, access.ErrNotFound) {
			r.t.Errorf("a value nobody made here: %v", err)
		}
		// Its first characters are no evidence.
		if _, err := r.CheckLeak(ctx, dana, value[:len(value)-8]+other[:8]); !errors.Is(err, access.ErrNotFound) {
			r.t.Errorf("the same beginning: %v", err)
		}
		for _, text := range []string{"", "hello", strings.Repeat("a", IntakeLimit+1), "two words " + value, value + "\x00", "https://x.example/?access_token=" + value} {
			var form *access.FormError
			if _, err := r.CheckLeak(ctx, dana, text); !errors.As(err, &form) || strings.Contains(err.Error(), value) {
				r.t.Errorf("%.20q: %v", text, err)
			}
		}
		want := []string{"none", "none", "not_a_token", "not_a_token", "not_a_token", "not_a_token", "not_a_token", "not_a_token"}
		if got := r.outcomes(); strings.Join(got, " ") != strings.Join(want, " ") {
			r.t.Errorf("recorded %q", got)
		}
		if g := r.grant(c.Grant.ID); g.State != access.HandedOver || len(r.incidents(r.tenant)) != 0 {
			r.t.Errorf("%s", g.State)
		}
		for name, caller := range map[string]access.Caller{"the owner": r.as("maya", access.DoorCourse), "the sponsor": r.as("ana", access.DoorCourse), "an admin in a course": r.as("dana", access.DoorCourse), "acting": r.as("dana", access.DoorAccount, actingBy("9"))} {
			if _, err := r.CheckLeak(ctx, caller, value); access.WhyOf(err) == "" {
				r.t.Errorf("%s: %v", name, err)
			}
		}
		if len(r.outcomes()) != len(want) || len(r.incidents(r.tenant)) != 0 {
			r.t.Error("a refused try did something")
		}
		r.searched(value)
		r.searched(other)
	})
}
