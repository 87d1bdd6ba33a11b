package access

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/policy"
)

// full is a T in which every field holds something, and each another thing:
// what a move should clear and does not is seen, and what it should leave alone.
func full[T any]() T {
	var x T
	n := 0
	fill(reflect.ValueOf(&x).Elem(), &n)
	return x
}

func fill(v reflect.Value, n *int) {
	*n++
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(t0.Add(-time.Duration(*n) * time.Hour)))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case v.Kind() == reflect.String:
		v.SetString(fmt.Sprint("text ", *n))
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), n)
	case v.Type() == reflect.TypeFor[Answers]():
		v.Set(reflect.ValueOf(Answers{policy.KeyBuild: {fmt.Sprint("text ", *n)}, policy.KeyData: {fmt.Sprint("text ", *n)}}))
	case v.CanInt():
		v.SetInt(int64(*n))
	case v.CanUint():
		v.SetUint(uint64(*n))
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	default:
		panic("a field of a kind that nobody fills: " + v.Type().String())
	}
}

// changes says in which fields two values of one type differ.
func changes(got, want any) (out []string) {
	a, b := reflect.ValueOf(got), reflect.ValueOf(want)
	for i := range a.NumField() {
		if x, y := a.Field(i).Interface(), b.Field(i).Interface(); !reflect.DeepEqual(x, y) {
			out = append(out, fmt.Sprintf("%s is %v, want %v", a.Type().Field(i).Name, x, y))
		}
	}
	return out
}

// correct is the refusal of one field of a form.
func correct(field, code string, args map[string]any) error {
	f := &FormError{}
	f.Add(field, code, args)
	return f
}

// whole is the refusal that is expected, with all that it tells. ErrConflict
// alone stands for a move that the table does not have.
func whole(err error, from string, do Action) error {
	if err == ErrConflict { //nolint:errorlint // the very sentinel
		return &TransitionError{From: from, Action: do}
	}
	return err
}

// move is one line of a life, in words of its own beside the table's: who may do
// it in which states, where it leads, and every field that it writes besides
// state, version, time of the change and, at the end, time of the end.
type move[T any, S ~string, M any] struct {
	do     Action
	from   []S
	as     []Part
	to     S // empty: it stays where it is
	fresh  bool
	effect Effect
	given  func(x *T)
	with   func(m *M)
	then   func(x *T, who PersonID, m M)
}

// life is everything that can happen to a T.
type life[T any, S ~string, M any] struct {
	states []S
	moves  []move[T, S, M]
	m      M // what every move carries, wanted or not
	whole  func(S) T
	nobody func(x *T) // takes everybody's part away
	end    func(x *T, to S)
	apply  func(x T, do Action, who Actor, m M) (T, Effect, error)
	can    func(x T, do Action, who Actor) bool
	actors map[Part]Actor
}

// after is x as the line leaves it.
func (l life[T, S, M]) after(line move[T, S, M], x T, from S, who PersonID, m M) T {
	if line.then != nil {
		line.then(&x, who, m)
	}
	to := line.to
	if to == "" {
		to = from
	}
	l.end(&x, to)
	return x
}

// row holds one row of a table test against the line of its move, and against
// what else then changes.
func (l life[T, S, M]) row(t *testing.T, x T, from S, do Action, who Actor, m M, to S, then func(*T), refusal error) {
	t.Helper()
	what := fmt.Sprintf("%s what is %s", do, from)
	var want T
	if refusal != nil {
		l.check(t, what, x, do, who, m, want, NoEffect, whole(refusal, string(from), do))
		return
	}
	for _, line := range l.moves {
		if line.do != do || !slices.Contains(line.from, from) || (line.to != to && (line.to != "" || from != to)) {
			continue
		}
		want = l.after(line, x, from, who.Person, m)
		if then != nil {
			then(&want)
		}
		l.check(t, what, x, do, who, m, want, line.effect, nil)
		return
	}
	t.Errorf("%s: nothing says what changes", what)
}

func (l life[T, S, M]) parts(do Action, from S) (ps []Part, known bool) {
	for _, line := range l.moves {
		if line.do == do && slices.Contains(line.from, from) {
			ps, known = append(ps, line.as...), true
		}
	}
	return ps, known
}

// check holds one move against what it should give, all of it.
func (l life[T, S, M]) check(t *testing.T, what string, x T, do Action, who Actor, m M, want T, effect Effect, refusal error) {
	t.Helper()
	got, e, err := l.apply(x, do, who, m)
	if !reflect.DeepEqual(err, refusal) {
		t.Errorf("%s: %v, want %v", what, err, refusal)
		return
	}
	for _, c := range changes(got, want) {
		t.Errorf("%s: %s", what, c)
	}
	if e != effect {
		t.Errorf("%s: then %q, want %q", what, e, effect)
	}
}

// test tries every move in every state by everybody.
func (l life[T, S, M]) test(t *testing.T) {
	var none T
	const fresh = 15 * time.Minute
	old := func(a Actor, age time.Duration) Actor { a.LaunchedAt = t0.Add(-age); return a }
	for _, line := range l.moves {
		m := l.m
		if line.with != nil {
			line.with(&m)
		}
		for _, from := range line.from {
			given := func() T {
				x := l.whole(from)
				if line.given != nil {
					line.given(&x)
				}
				return x
			}
			for _, as := range line.as {
				who, what := l.actors[as], fmt.Sprintf("%s what is %s as %s", line.do, from, as)
				want := l.after(line, given(), from, who.Person, m)
				l.check(t, what, given(), line.do, old(who, fresh), m, want, line.effect, nil)
				stale, acting := old(who, fresh+time.Second), who
				acting.NoWrites = WhyActing
				switch {
				case who.System:
					l.check(t, what, given(), line.do, acting, m, want, line.effect, nil)
					continue
				case line.fresh:
					l.check(t, what+", long after the launch", given(), line.do, stale, m, none, NoEffect, Refuse(WhyStale))
				default:
					l.check(t, what+", long after the launch", given(), line.do, stale, m, want, line.effect, nil)
				}
				l.check(t, what+", for somebody else", given(), line.do, acting, m, none, NoEffect, Refuse(WhyActing))
				if !l.can(given(), line.do, stale) {
					t.Errorf("%s has no button", what)
				}
			}
			may, _ := l.parts(line.do, from)
			for as, who := range l.actors {
				if slices.Contains(may, as) {
					continue
				}
				what := fmt.Sprintf("%s what is %s as %q", line.do, from, as)
				x := given()
				if who.Person == "" && !who.System {
					l.nobody(&x)
				}
				l.check(t, what, x, line.do, who, m, none, NoEffect, Refuse(WhyNotYours))
				if l.can(x, line.do, who) {
					t.Errorf("%s has a button", what)
				}
			}
		}
	}
	for _, line := range l.moves {
		for _, from := range l.states {
			if _, known := l.parts(line.do, from); known {
				continue
			}
			for as, who := range l.actors {
				what := fmt.Sprintf("%s what is %s as %q", line.do, from, as)
				x := l.whole(from)
				if line.given != nil {
					line.given(&x)
				}
				l.check(t, what, x, line.do, who, l.m, none, NoEffect, &TransitionError{From: string(from), Action: line.do})
				if l.can(x, line.do, who) {
					t.Errorf("%s has a button", what)
				}
			}
		}
	}
}

// everybody is who there is, by the part they hold. "stranger" and "nameless"
// hold none.
func everybody() map[Part]Actor {
	return map[Part]Actor{AsRequester: person(maya), AsSponsor: person(ana), AsAsked: person(evan), AsReviewer: reviewer(dana), AsSystem: SystemActor,
		"stranger": person("per_stranger"), "nameless": {LaunchedAt: t0, Reviewer: true}}
}

const next = PersonID("per_next")

// The lives above and the tables know the same moves.
func TestMovesAreComplete(t *testing.T) {
	t.Parallel()
	var lines, rows []string
	say := func(out *[]string, from, do, as, to string, fresh bool, effect Effect) {
		if s := fmt.Sprint(from, do, as, to, fresh, effect); !slices.Contains(*out, s) {
			*out = append(*out, s)
		}
	}
	each := func(do Action, from string, as []Part, to string, fresh bool, effect Effect) {
		if to == "" {
			to = from
		}
		for _, p := range as {
			say(&lines, from, string(do), string(p), to, fresh, effect)
		}
	}
	for _, l := range requestLife.moves {
		for _, from := range l.from {
			each(l.do, string(from), l.as, string(l.to), l.fresh, l.effect)
		}
	}
	for _, l := range grantLife.moves {
		for _, from := range l.from {
			each(l.do, string(from), l.as, string(l.to), l.fresh, l.effect)
		}
	}
	for _, l := range foundLife.moves {
		for _, from := range l.from {
			each(l.do, string(from), l.as, string(l.to), l.fresh, l.effect)
		}
	}
	for _, r := range lifecycle {
		say(&rows, string(r.From), string(r.Do), string(r.As), string(r.To), r.Fresh, r.Effect)
	}
	for _, r := range grantLifecycle {
		say(&rows, string(r.From), string(r.Do), string(r.As), string(r.To), r.Fresh, r.Effect)
	}
	for _, r := range foundLifecycle {
		say(&rows, string(r.From), string(r.Do), string(r.As), string(r.To), r.Fresh, NoEffect)
	}
	slices.Sort(lines)
	slices.Sort(rows)
	for _, s := range lines {
		if !slices.Contains(rows, s) {
			t.Errorf("no table has %s", s)
		}
	}
	for _, s := range rows {
		if !slices.Contains(lines, s) {
			t.Errorf("only a table has %s", s)
		}
	}
}

// Every refusal is of one kind.
func TestRefusalsHaveAKind(t *testing.T) {
	t.Parallel()
	kinds := []error{ErrNotFound, ErrNotAllowed, ErrConflict, ErrInvalid}
	for want, err := range map[error]error{ErrNotAllowed: Refuse(WhySelf), ErrConflict: &TransitionError{}, ErrInvalid: &FormError{}} {
		for _, kind := range kinds {
			if errors.Is(err, kind) != (kind == want) { //nolint:errorlint // the very kind
				t.Errorf("%#v is %v", err, kind)
			}
		}
	}
	if _, err := ParseMassFilter(""); !errors.Is(err, ErrInvalid) {
		t.Errorf("%v is not %v", err, ErrInvalid)
	}
}
