package workflow

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
)

var (
	contextType = reflect.TypeFor[context.Context]()
	callerType  = reflect.TypeFor[access.Caller]()
	errorType   = reflect.TypeFor[error]()
)

// callerVerbs are all exported methods that take a caller; a new one is among them by itself.
func callerVerbs(s *Service) map[string]reflect.Value {
	all := map[string]reflect.Value{}
	v := reflect.ValueOf(s)
	for i := range v.NumMethod() {
		t := v.Method(i).Type()
		if t.NumIn() >= 2 && t.In(0) == contextType && t.In(1) == callerType {
			all[v.Type().Method(i).Name] = v.Method(i)
		}
	}
	return all
}

// arguments are what a verb is tried with beside its caller: every object's id in
// turn where it takes one, every move where it takes one, and otherwise something
// that passes its form.
func (r *rig) arguments(t reflect.Type, id string, do access.Action, read string) []reflect.Value {
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
				*x = FormRequest // or a reason
			}
		case *access.Action:
			*x = do
		case *access.Answers:
			*x = r.answers()
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
		case *MassChoice:
			*x = MassChoice{IDs: []string{id}}
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
	r := newRig(t, sqlite(t))
	ctx := t.Context()
	ana, dana := r.as("ana", access.DoorCourse), r.as("dana", access.DoorAccount)
	g, value := r.working()
	c, _ := r.collected()
	_, err := r.ReportLeak(ctx, r.as("maya", access.DoorCourse), c.Grant.ID)
	r.must(err)
	review := r.submitted()
	r.act(ana, review.Code(), access.Endorse, access.Move{})
	draft, err := r.SaveDraft(ctx, r.as("maya", access.DoorCourse), "", r.answers())
	r.must(err)
	plan, err := r.PlanMass(ctx, dana, MassChoice{IDs: []string{g.ID}})
	r.must(err)
	ids := []string{g.ID, c.Grant.ID, review.ID, draft.ID, r.submitted().ID, r.incidents(r.tenant)[0].ID, plan.ID, value, ""}
	moves := []access.Action{access.Withdraw, access.Endorse, access.Decline, access.Claim, access.Release, access.Approve, access.Deny, access.Rescind, access.EndSponsor}
	all := callerVerbs(r.Service)
	for _, must := range []string{"Act", "Collect", "Submit", "Revoke", "StartMass", "TakeOver", "Thaw", "AllowTokens", "TellOwners"} {
		if !all[must].IsValid() {
			t.Fatalf("%s is no verb: the check sees nothing", must)
		}
	}
	press := func(caller access.Caller, leaveOut ...string) (done []string) {
		for name, verb := range all {
			if slices.Contains(leaveOut, name) {
				continue
			}
			tries := []access.Action{""}
			if name == "Act" {
				tries = moves
			}
			for _, id := range ids {
				for _, do := range tries {
					read := ""
					if strings.HasPrefix(id, "req_") || strings.HasPrefix(id, "grt_") || strings.HasPrefix(id, "inc_") {
						read = r.termsOf(id)
					}
					if id == plan.ID {
						read = access.MassTerms(plan.Mass).Digest()
					}
					in := append([]reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(caller)}, r.arguments(verb.Type(), id, do, read)...)
					out := verb.Call(in)
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
	for who, caller := range map[string]access.Caller{"Maya": r.as("maya", access.DoorCourse), "Ana": ana, "Dana": dana} {
		unknown, narrow, key, acting := caller, caller, caller, caller
		unknown.Via = ""
		narrow.Via, narrow.Scopes = access.ViaKey, []access.Scope{"read"}
		key.Via, key.Scopes, key.Launch = access.ViaKey, []access.Scope{access.ScopeRemove}, access.Launch{}
		acting.NoWrites = access.WhyActing
		for way, c := range map[string]access.Caller{"of no known way": unknown, "by a key that may nothing": narrow, "acting": acting} {
			if wrote := lines(r.wrote(func() { press(c) })); len(wrote) > 0 {
				t.Errorf("%s, %s, wrote\n%s", who, way, strings.Join(wrote, "\n"))
			}
		}
		// With the scope they may remove as far as the person may; the rest is as above.
		if wrote := lines(r.wrote(func() { press(key, "Revoke", "ReportLeak", "ReportMisuse") })); len(wrote) > 0 {
			t.Errorf("%s, by a key, wrote\n%s", who, strings.Join(wrote, "\n"))
		}
	}
	op := access.OperatorCaller(r.tenant, "root")
	var done []string
	if wrote := lines(r.wrote(func() { done = press(op, "PlanMass", "StartMass", "FinishMass") })); len(wrote) > 0 {
		t.Errorf("an operator wrote\n%s", strings.Join(wrote, "\n"))
	}
	if !slices.Contains(done, "Mass") || slices.Contains(done, "Queue") || slices.Contains(done, "Leaks") {
		t.Errorf("an operator reads %v", done)
	}
	if _, err := r.FinishMass(ctx, dana, plan.ID, func(MassPage, error) {}); access.WhyOf(err) != access.WhyNotYours {
		t.Errorf("a reviewer finishes in the foreground: %v", err)
	}
	if _, err := r.PlanMass(ctx, op, MassChoice{IDs: []string{g.ID}}); err != nil {
		t.Errorf("an operator plans: %v", err)
	}
	if _, err := r.StartMass(ctx, op, plan.ID, "1", "x", ""); !errors.Is(err, access.ErrConflict) {
		t.Errorf("an operator starts what was not read: %v", err)
	}
	// The check sees what it should: the same presses by a launch do write.
	if wrote := lines(r.wrote(func() { press(r.as("maya", access.DoorCourse), "Replace") })); len(wrote) == 0 {
		t.Error("a launch writes nothing either")
	}
}
