package rooms_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// questions are the methods with a caller that change nothing which a person asked
// for, and parts are those that verbs are made of: nobody is told how they ended.
var (
	questions = []string{
		"authority.Lost", "cases.ExportTokens", "cases.Home", "cases.HomeBeside", "cases.Nav", "cases.Open", "cases.Queue", "cases.ReadAhead", "cases.Sponsorships", "cases.Token", "cases.Tokens",
		"inventory.FoundToken", "inventory.Picked", "inventory.Unmanaged", "leaks.List", "leaks.Open", "massrevoke.Finish", "massrevoke.List",
		"massrevoke.Open", "massrevoke.Report", "massrevoke.Unfinished", "requests.Form", "requests.SaveText", "requests.SavedText", "requests.Questions",
		"tokens.AskFreeze", "tokens.CollectPage", "tokens.Teachers",
	}
	parts = []string{
		"authority.Decider", "authority.PairedByRoster", "authority.RosterAgrees", "authority.ShownAffiliation", "authority.Teachers", "authority.Viewer",
		"cases.AsReviewer", "cases.CaseToChange", "cases.CheckVisit", "cases.FoundCases", "cases.FoundFor", "cases.Query", "cases.ReviewerPressing", "cases.ReviewerViewing",
		"notices.IsNews", "notices.CountNamed", "notices.RecordRefusedPage", "requests.MayEndorse", "requests.NamedSponsor", "requests.NewDraft",
		"requests.ProveIdentity",
	}
)

// Every verb sees to it that its end is told, under a name of its own, whichever way
// leads out of it.
func TestEveryVerbIsTold(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]string{} // the name, as it stands in the source, by room and method
	for _, name := range files {
		room := filepath.Base(filepath.Dir(name))
		if strings.HasSuffix(name, "_test.go") || room == "desktest" {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if m, ok := d.(*ast.FuncDecl); ok && m.Recv != nil && m.Name.IsExported() && comes(m) {
				told[room+"."+m.Name.Name] = verbOf(m)
			}
		}
	}
	seen := map[string]string{}
	for method, verb := range told {
		switch {
		case (verb == "") != slices.Contains(slices.Concat(questions, parts), method):
			t.Errorf("%s is told as %q: a verb is told, a question or part stands on the list", method, verb)
		case seen[verb] != "" && verb != "" && verb != "access.Remove": // one token, and several
			t.Errorf("%s and %s have one name", method, seen[verb])
		}
		seen[verb] = method
	}
	for _, q := range slices.Concat(questions, parts) {
		if _, there := told[q]; !there {
			t.Errorf("%s is on the list, and in no room", q)
		}
	}
	if len(told) < 50 {
		t.Errorf("only %d methods were found", len(told))
	}
}

// comes reports whether somebody comes with a method: it takes their caller, or the
// launch that makes one.
func comes(m *ast.FuncDecl) bool {
	for _, p := range m.Type.Params.List {
		if s, ok := p.Type.(*ast.SelectorExpr); ok && (fmt.Sprint(s.X, ".", s.Sel) == "access.Caller" || fmt.Sprint(s.X, ".", s.Sel) == "lti.Launch") {
			return true
		}
	}
	return false
}

// verbOf is the name under which a method is told, if it is: it goes through
// desk.Verb, or its first statement defers desk.VerbEnded.
func verbOf(m *ast.FuncDecl) string {
	guards := map[string]ast.Expr{}
	for i, s := range m.Body.List {
		if d, ok := s.(*ast.DeferStmt); ok && i == 0 && nameOf(d.Call.Fun) == "desk.VerbEnded" {
			return nameOf(d.Call.Args[1])
		}
		if v := verbCall(s); v != nil {
			guard := v.Args[3]
			if named, ok := guard.(*ast.Ident); ok {
				guard = guards[named.Name]
			}
			return doOf(guard)
		}
		if mayLeave(s) {
			return ""
		}
		if a, ok := s.(*ast.AssignStmt); ok && a.Tok == token.DEFINE {
			guards[nameOf(a.Lhs[0])] = a.Rhs[0]
		}
	}
	return ""
}

// verbCall is the call of desk.Verb whose error a statement gives back or keeps.
func verbCall(s ast.Stmt) *ast.CallExpr {
	var from []ast.Expr
	switch s := s.(type) {
	case *ast.ReturnStmt:
		from = s.Results
	case *ast.AssignStmt:
		from = s.Rhs
	}
	if len(from) != 1 {
		return nil
	}
	c, ok := from[0].(*ast.CallExpr)
	if !ok || nameOf(c.Fun) != "desk.Verb" {
		return nil
	}
	return c
}

// mayLeave reports whether a statement is a way out of its method. What a function
// that it only names does is none.
func mayLeave(s ast.Stmt) (leaves bool) {
	ast.Inspect(s, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			leaves = true
		}
		return true
	})
	return leaves
}

// doOf is the name in a guard.
func doOf(guard ast.Expr) string {
	l, ok := guard.(*ast.CompositeLit)
	if !ok || nameOf(l.Type) != "desk.Guard" {
		return ""
	}
	for _, e := range l.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok && nameOf(kv.Key) == "Do" {
			return nameOf(kv.Value)
		}
	}
	return ""
}

func nameOf(e ast.Expr) string {
	if s, ok := e.(*ast.SelectorExpr); ok {
		return fmt.Sprint(s.X, ".", s.Sel)
	}
	return fmt.Sprint(e)
}

type listener []string

func (l *listener) VerbEnded(verb access.Action, outcome access.Outcome, why access.Why) {
	*l = append(*l, strings.TrimSpace(fmt.Sprint(verb, " ", outcome, " ", why)))
}

func TestVerbEnded(t *testing.T) {
	t.Parallel()
	var l listener
	for _, e := range []error{nil, access.Refuse(access.WhyStale), fmt.Errorf("of Maya: %w", access.ErrNotFound), &access.TransitionError{}, &access.TermsError{},
		&access.FormError{}, fmt.Errorf("of Maya: %w", access.ErrUnavailable), errors.New("of Maya")} {
		func() (err error) {
			defer desk.VerbEnded(&l, access.Revoke, &err)
			return e
		}()
	}
	func() {
		defer func() {
			if recover() != "of Maya" {
				t.Error("the panic was lost")
			}
		}()
		var err error
		defer desk.VerbEnded(&l, access.Revoke, &err)
		panic("of Maya")
	}()
	if want := []string{"revoke done", "revoke refused stale", "revoke not_found", "revoke conflict", "revoke conflict", "revoke invalid",
		"revoke unavailable", "revoke failed", "revoke failed"}; !slices.Equal(l, want) {
		t.Errorf("told %q, want %q", l, want)
	}
	var err error
	desk.VerbEnded(nil, access.Revoke, &err) // nobody listens
}

// recorder counts, when a verb is told, the refusals that are recorded by then.
type recorder struct {
	r    *desktest.Rig
	told []string
}

func (c *recorder) VerbEnded(verb access.Action, outcome access.Outcome, _ access.Why) {
	c.told = append(c.told, fmt.Sprint(verb, " ", outcome, " after ", len(c.r.Events(audit.Refused))))
}

// What a verb refuses is recorded, then the observer hears of it; what comes beside an
// error is dropped, and only what succeeded has the jobs looked at.
func TestVerb(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := desktest.NewRig(t, s)
		maya := r.As("maya", access.DoorCourse)
		c, nudges := &recorder{r: r}, 0
		r.Desk.Observer, r.Desk.Nudge = c, func() { nudges++ }
		run := func(g desk.Guard, out int, err error) (int, error) {
			return desk.Verb(t.Context(), r.Desk, maya, g, func(context.Context) (int, error) { return out, err })
		}
		if n, err := run(desk.Guard{Do: access.Revoke, Object: "grt_1"}, 7, nil); n != 7 || err != nil || nudges != 1 {
			t.Errorf("what succeeds gives %d, %v, with %d nudges", n, err, nudges)
		}
		for _, g := range []desk.Guard{{Do: access.Revoke, Object: "grt_1"}, {Do: access.VerbReportMisuse, Object: "grt_2", Refused: access.EndSponsor}} {
			if n, err := run(g, 7, access.Refuse(access.WhyNotYours)); n != 0 || access.WhyOf(err) != access.WhyNotYours {
				t.Errorf("what is refused gives %d, %v", n, err)
			}
		}
		if n, err := run(desk.Guard{Do: access.Revoke}, 7, access.ErrNotFound); n != 0 || !errors.Is(err, access.ErrNotFound) {
			t.Errorf("what is not found gives %d, %v", n, err)
		}
		if nudges != 1 {
			t.Errorf("%d nudges", nudges)
		}
		if want := []string{"revoke done after 0", "revoke refused after 1", "report_misuse refused after 2", "revoke not_found after 2"}; !slices.Equal(c.told, want) {
			t.Errorf("told %q, want %q", c.told, want)
		}
		var noted []string
		for _, e := range r.Events(audit.Refused) {
			noted = append(noted, e.Event.Object+" "+e.Detail.Data["action"])
		}
		if want := []string{"grt_1 revoke", "grt_2 end_sponsorship"}; !slices.Equal(noted, want) {
			t.Errorf("noted %q, want %q", noted, want)
		}
	})
}

// The names under which verbs are told are all on the list, those of Act's moves too.
func TestVerbsAreOnTheList(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := desktest.NewRig(t, s)
		var l listener
		r.Desk.Observer = &l
		req := r.Submitted()
		ana := r.As("ana", access.DoorCourse)
		r.Act(ana, req.ID, access.Endorse, access.Move{})
		if _, err := r.Requests.Act(t.Context(), r.As("luca", access.DoorCourse), req.ID, access.Withdraw, access.Move{}, ""); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("somebody else's request: %v", err)
		}
		if _, err := r.Requests.Act(t.Context(), ana, req.ID, "of maya", access.Move{}, ""); err == nil {
			t.Error("a move that is none")
		}
		want := []string{"admit done", "submit done", "admit done", "endorse done", "admit done", "withdraw not_found", "of maya conflict"}
		if !slices.Equal(l, want) {
			t.Errorf("told %q, want %q", l, want)
		}
		for _, told := range l {
			verb, _, _ := strings.Cut(told, " ")
			if on := slices.Contains(access.Verbs(), access.Action(verb)); on == (verb == "of") {
				t.Errorf("%q is on the list: %v", verb, on)
			}
		}
	})
}
