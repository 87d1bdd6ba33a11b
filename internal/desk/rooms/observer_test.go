package rooms_test

import (
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
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// questions are the methods with a caller that change nothing which a person asked
// for, and parts are those that verbs are made of: nobody is told how they ended.
var (
	questions = []string{
		"authority.Lost", "cases.ExportTokens", "cases.Home", "cases.Nav", "cases.Open", "cases.Queue", "cases.Sponsorships", "cases.Token", "cases.Tokens",
		"inventory.FoundToken", "inventory.Picked", "inventory.Unmanaged", "leaks.List", "leaks.Open", "massrevoke.Finish", "massrevoke.List",
		"massrevoke.Open", "massrevoke.Report", "massrevoke.Unfinished", "requests.Form", "requests.Keep", "requests.Kept", "requests.Questions",
		"tokens.AskFreeze", "tokens.CollectPage", "tokens.Teachers",
	}
	parts = []string{
		"authority.Decider", "authority.PairedByRoster", "authority.RosterAgrees", "authority.ShownAffiliation", "authority.Teachers", "authority.Viewer",
		"cases.AsReviewer", "cases.CaseToChange", "cases.FoundCases", "cases.FoundFor", "cases.Query", "cases.ReviewerPressing", "cases.ReviewerViewing",
		"notices.IsNews", "notices.NoteNamed", "notices.NoteRefusedPage", "requests.MayEndorse", "requests.NamedSponsor", "requests.NewDraft",
		"requests.ProveIdentity",
	}
)

// Every verb begins by seeing to it that its end is told, under a name of its own.
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

// verbOf is the name that a method's first statement tells of, if it does.
func verbOf(m *ast.FuncDecl) string {
	if len(m.Body.List) == 0 {
		return ""
	}
	d, ok := m.Body.List[0].(*ast.DeferStmt)
	if !ok || !tells(d.Call.Fun) {
		return ""
	}
	if s, ok := d.Call.Args[1].(*ast.SelectorExpr); ok {
		return fmt.Sprint(s.X, ".", s.Sel)
	}
	return fmt.Sprint(d.Call.Args[1])
}

func tells(fun ast.Expr) bool {
	s, ok := fun.(*ast.SelectorExpr)
	return ok && fmt.Sprint(s.X, ".", s.Sel) == "desk.VerbEnded"
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
