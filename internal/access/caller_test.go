package access

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/policy"
)

// callers are one of each way, all of the same person where they are one.
func callers(now time.Time) map[string]Caller {
	launch := Caller{Tenant: "ten_a", Person: dana, Via: ViaLaunch, Launch: Launch{LaunchedAt: now, Door: DoorAccount, RootGate: true}}
	looking := launch
	looking.NoWrites = WhyActing
	key := Caller{Tenant: "ten_a", Person: dana, Via: ViaKey, Scopes: []Scope{ScopeRemove}}
	narrow := key
	narrow.Scopes = []Scope{"read"}
	none := launch
	none.Via = ""
	return map[string]Caller{"launch": launch, "acting": looking, "key": key, "key that may not": narrow,
		"operator": OperatorCaller("ten_a", "root"), "system": SystemCaller("ten_a"), "none": none}
}

// Each way may write what it may, and nothing else. A launch alone may do both and
// be of now.
func TestWaysMayWrite(t *testing.T) {
	type may struct {
		write, remove, present Why
	}
	want := map[string]may{
		"launch":           {},
		"acting":           {WhyActing, WhyActing, ""},
		"key":              {WhyNeedsLaunch, "", WhyStale},
		"key that may not": {WhyNeedsLaunch, WhyNeedsLaunch, WhyStale},
		"operator":         {WhyNeedsLaunch, "", ""},
		"system":           {"", "", WhyStale},
		"none":             {WhyNeedsLaunch, WhyNeedsLaunch, WhyStale},
	}
	now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range callers(now) {
		if got := (may{WhyOf(c.MayWrite()), WhyOf(c.MayRemove()), WhyOf(c.Present(now))}); got != want[name] {
			t.Errorf("%s: %+v, want %+v", name, got, want[name])
		}
	}
	old := callers(now.Add(-Freshness - time.Second))["launch"]
	if WhyOf(old.Present(now)) != WhyStale {
		t.Error("an old launch is there now")
	}
	for name, c := range map[string]string{"launch": string(dana), "key": string(dana), "operator": "operator:root", "system": "system", "none": ""} {
		if got := callers(now)[name].ID(); got != c {
			t.Errorf("%s is logged as %q, want %q", name, got, c)
		}
	}
}

// What stands in a session's row never says how its caller came.
func TestTheWayIsNeverStored(t *testing.T) {
	for name, c := range callers(time.Now()) {
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{string(ViaKey), string(ViaOperator), string(ViaSystem), "root\"", string(ScopeRemove)} {
			if strings.Contains(string(b), `"`+s) {
				t.Errorf("%s: %s is stored: %s", name, s, b)
			}
		}
		var back Caller
		if err := json.Unmarshal([]byte(`{"via":"system","Via":"system","operator":"root","Operator":"root","scopes":["remove"]}`), &back); err != nil {
			t.Fatal(err)
		}
		if back.Via != "" || back.Operator != "" || back.Scopes != nil {
			t.Errorf("read from a row: %+v", back)
		}
	}
}

// By a key or a command, from every state of every table, only what takes access
// away can be done, even by a person whom Canvas confirms as a reviewer.
func TestOnlyALaunchGivesAccess(t *testing.T) {
	now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	did := map[string]map[Action]bool{}
	for name, c := range callers(now) {
		who := c.Actor()
		if !who.System {
			who.Reviewer = true
		}
		done := map[Action]bool{}
		note := func(do Action, err error) {
			var form *FormError
			if err == nil || errors.As(err, &form) { // it only lacks a field
				done[do] = true
			}
		}
		for _, row := range lifecycle {
			for _, requester := range []PersonID{maya, dana} {
				for _, sponsor := range []PersonID{ana, dana} {
					r := Request{Tenant: "ten_a", State: row.From, Requester: requester, Sponsor: sponsor, End: now.AddDate(0, 1, 0), CollectBy: now.AddDate(0, 0, 1)}
					_, _, err := Apply(r, row.Do, who, Move{Policy: policy.BuiltIn(), To: row.To, Reason: "x", Sponsor: "per_other"}, now)
					note(row.Do, err)
				}
			}
		}
		for _, row := range grantLifecycle {
			for _, g := range []Grant{{Owner: dana}, {Owner: maya, Sponsor: dana}, {Owner: maya, SponsorAsked: dana}, {Owner: maya, Sponsor: ana}} {
				g.Tenant, g.State, g.ShownAt, g.GapUntil = "ten_a", row.From, now, now.AddDate(0, 0, 1)
				_, _, err := ApplyGrant(g, row.Do, who, GrantMove{Policy: policy.BuiltIn(), Reason: "x", Sponsor: "per_other", Cause: ByReviewer}, now)
				note(row.Do, err)
			}
		}
		for _, row := range foundLifecycle {
			for _, owner := range []PersonID{maya, dana} {
				f := Found{Tenant: "ten_a", State: row.From, Owner: owner}
				_, err := ApplyFound(f, row.Do, who, FoundMove{Policy: policy.BuiltIn(), Reason: "x", DueAt: now.AddDate(0, 0, 1), ReviewAt: now.AddDate(0, 0, 1)}, now)
				note(row.Do, err)
			}
		}
		_, err := Incident{Owner: maya}.Clear(who, ana, "x", now)
		note(ClearIncident, err)
		did[name] = done
	}
	for _, name := range []string{"acting", "key that may not", "none"} {
		if len(did[name]) != 0 {
			t.Errorf("%s does %v", name, did[name])
		}
	}
	for _, name := range []string{"key", "operator"} {
		for do := range did[name] {
			if !slices.Contains(removals, do) {
				t.Errorf("%s does %s", name, do)
			}
		}
		for _, do := range removals {
			if !did[name][do] {
				t.Errorf("%s cannot %s", name, do)
			}
		}
	}
	for _, do := range []Action{Approve, Endorse, Collect, Thaw, TakeOver, Allow, TellOwner, ClearIncident, Revoke} {
		if !did["launch"][do] {
			t.Errorf("a launch cannot %s: the check sees nothing", do)
		}
	}
}
