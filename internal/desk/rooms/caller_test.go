package rooms_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/massrevoke"
	"github.com/tokendesk/tokendesk/internal/desk/rooms"
)

var (
	contextType = reflect.TypeFor[context.Context]()
	callerType  = reflect.TypeFor[access.Caller]()
	errorType   = reflect.TypeFor[error]()
)

// callerVerbs are all exported methods of all rooms that take a caller, by room and
// name; a new one is among them by itself.
func callerVerbs(s *rooms.Rooms) map[string]reflect.Value {
	all := map[string]reflect.Value{}
	for i := range reflect.TypeFor[rooms.Rooms]().NumField() {
		room := reflect.ValueOf(s).Elem().Field(i)
		for j := range room.NumMethod() {
			t := room.Method(j).Type()
			if t.NumIn() >= 2 && t.In(0) == contextType && t.In(1) == callerType {
				all[reflect.TypeFor[rooms.Rooms]().Field(i).Name+"."+room.Type().Method(j).Name] = room.Method(j)
			}
		}
	}
	return all
}

// arguments are what a verb is tried with beside its caller: every object's id in
// turn where it takes one, every move where it takes one, and otherwise something
// that passes its form.
func arguments(r *desktest.Rig, t reflect.Type, id string, do access.Action, read string) []reflect.Value {
	var in []reflect.Value
	first := true
	for i := 2; i < t.NumIn(); i++ {
		v := reflect.New(t.In(i)).Elem()
		switch x := v.Addr().Interface().(type) {
		case *string:
			switch {
			case first:
				*x, first = id, false
			case i == t.NumIn()-1 && t.NumIn() > 3:
				*x = read
			default:
				*x = desk.FormRequest // or a reason
			}
		case *access.Action:
			*x = do
		case *access.Answers:
			*x = r.Answers()
		case *[]byte:
			*x = []byte(`{}`)
		case *[]string:
			*x = []string{id}
		case *map[string]string:
			*x = map[string]string{id: read}
		case *time.Time:
			*x = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
		case *access.Move:
			*x = access.Move{Reason: "x", Alternative: "lti"}
		case *massrevoke.Choice:
			*x = massrevoke.Choice{IDs: []string{id}}
		default:
			if t.In(i).Kind() == reflect.Func {
				v = reflect.MakeFunc(t.In(i), func([]reflect.Value) []reflect.Value {
					out := make([]reflect.Value, t.In(i).NumOut())
					for k := range out {
						out[k] = reflect.Zero(t.In(i).Out(k))
					}
					return out
				})
			}
		}
		in = append(in, v)
	}
	return in
}

// Every verb, on every kind of object: a caller of no known way, a key whose scopes
// allow nothing, and one who acts as another write nothing at all, whatever rights
// they claim; a key and an operator only what takes access away.
func TestOtherWaysGiveNoAccess(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	ctx := t.Context()
	ana, dana := r.As("ana", access.DoorCourse), r.As("dana", access.DoorAccount)
	g, value := r.Working()
	c, _ := r.Collected()
	_, err := r.Leaks.Report(ctx, r.As("maya", access.DoorCourse), c.Grant.ID)
	r.Must(err)
	review := r.Submitted()
	r.Act(ana, review.Code(), access.Endorse, access.Move{})
	draft, err := r.Requests.SaveDraft(ctx, r.As("maya", access.DoorCourse), "", r.Answers())
	r.Must(err)
	plan, err := r.MassRevoke.Plan(ctx, dana, massrevoke.Choice{IDs: []string{g.ID}})
	r.Must(err)
	ids := []string{g.ID, c.Grant.ID, review.ID, draft.ID, r.Submitted().ID, r.Incidents(r.Tenant)[0].ID, plan.ID, value, ""}
	moves := []access.Action{access.Withdraw, access.Endorse, access.Decline, access.Claim, access.Release, access.Approve, access.Deny, access.Rescind, access.EndSponsor}
	all := callerVerbs(r.Rooms)
	for _, must := range []string{"Requests.Act", "Tokens.Collect", "Requests.Submit", "Tokens.Revoke", "MassRevoke.Start", "Tokens.TakeOver", "Tokens.Thaw", "Inventory.AllowTokens", "Inventory.TellOwners"} {
		if !all[must].IsValid() {
			t.Fatalf("%s is no verb: the check sees nothing", must)
		}
	}
	press := func(caller access.Caller, leaveOut ...string) (done []string) {
		read := map[string]string{plan.ID: access.MassTerms(plan.Mass).Digest()}
		for _, id := range ids {
			if strings.HasPrefix(id, "req_") || strings.HasPrefix(id, "grt_") || strings.HasPrefix(id, "inc_") {
				read[id] = r.TermsOf(id)
			}
		}
		for name, verb := range all {
			if slices.Contains(leaveOut, name) {
				continue
			}
			tries := []access.Action{""}
			if name == "Requests.Act" {
				tries = moves
			}
			for _, id := range ids {
				for _, do := range tries {
					in := append([]reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(caller)}, arguments(r, verb.Type(), id, do, read[id])...)
					out := verb.Call(in)
					if len(out) == 0 {
						continue // what reads ahead answers nothing
					}
					if last := out[len(out)-1]; last.Type() == errorType && last.IsNil() {
						done = append(done, name)
					}
				}
			}
		}
		slices.Sort(done)
		return slices.Compact(done)
	}
	lines := func(wrote string) (other []string) {
		for l := range strings.SplitSeq(wrote, "\n") {
			if l != "" && !(strings.HasPrefix(l, "log: ") && strings.Contains(l, " "+string(audit.Refused)+" ")) {
				other = append(other, l)
			}
		}
		return other
	}
	for who, caller := range map[string]access.Caller{"Maya": r.As("maya", access.DoorCourse), "Ana": ana, "Dana": dana} {
		unknown, narrow, key, acting := caller, caller, caller, caller
		unknown.Via = ""
		narrow.Via, narrow.Scopes = access.ViaKey, []access.Scope{"read"}
		key.Via, key.Scopes, key.Launch = access.ViaKey, []access.Scope{access.ScopeRemove}, access.Launch{}
		acting.NoWrites = access.WhyActing
		for way, c := range map[string]access.Caller{"of no known way": unknown, "by a key that may nothing": narrow, "acting": acting} {
			if wrote := lines(r.Wrote(func() { press(c) })); len(wrote) > 0 {
				t.Errorf("%s, %s, wrote\n%s", who, way, strings.Join(wrote, "\n"))
			}
		}
		// With the scope they may remove as far as the person may; the rest is as above.
		if wrote := lines(r.Wrote(func() { press(key, "Tokens.Revoke", "Leaks.Report", "Tokens.ReportMisuse") })); len(wrote) > 0 {
			t.Errorf("%s, by a key, wrote\n%s", who, strings.Join(wrote, "\n"))
		}
	}
	op := access.OperatorCaller(r.Tenant, "root")
	var done []string
	if wrote := lines(r.Wrote(func() { done = press(op, "MassRevoke.Plan", "MassRevoke.Start", "MassRevoke.Finish") })); len(wrote) > 0 {
		t.Errorf("an operator wrote\n%s", strings.Join(wrote, "\n"))
	}
	if !slices.Contains(done, "MassRevoke.Open") || slices.Contains(done, "Cases.Queue") || slices.Contains(done, "Leaks.List") {
		t.Errorf("an operator reads %v", done)
	}
	if _, err := r.MassRevoke.Finish(ctx, dana, plan.ID, func(massrevoke.Page, error) {}); access.WhyOf(err) != access.WhyNotYours {
		t.Errorf("a reviewer finishes in the foreground: %v", err)
	}
	if _, err := r.MassRevoke.Plan(ctx, op, massrevoke.Choice{IDs: []string{g.ID}}); err != nil {
		t.Errorf("an operator plans: %v", err)
	}
	if _, err := r.MassRevoke.Start(ctx, op, plan.ID, "1", "x", ""); !errors.Is(err, access.ErrConflict) {
		t.Errorf("an operator starts what was not read: %v", err)
	}
	// The check sees what it should: the same presses by a launch do write.
	if wrote := lines(r.Wrote(func() { press(r.As("maya", access.DoorCourse), "Replace") })); len(wrote) == 0 {
		t.Error("a launch writes nothing either")
	}
}
