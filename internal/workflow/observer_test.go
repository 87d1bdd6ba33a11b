package workflow

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
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// questions are the methods that change nothing which a person asked for, or are
// no verb of theirs: nobody is told how they ended.
var questions = []string{
	"Around", "AskFreeze", "CollectPage", "ExportTokens", "FinishMass", "Form", "FoundToken", "Handlers", "Home", "Keep", "Kept", "Leak", "Leaks", "Lost",
	"Mass", "MassReport", "Masses", "Nav", "Open", "Picked", "Questions", "Queue", "Schedules", "Sponsorships", "Teachers", "Token", "Tokens", "UnfinishedMass",
	"Unmanaged", "WordsOf",
}

// Every verb begins by seeing to it that its end is told, under a name of its own.
func TestEveryVerbIsTold(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]string{} // the name, as it stands in the source, by method
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if m, ok := d.(*ast.FuncDecl); ok && m.Recv != nil && m.Name.IsExported() && receiver(m) == "Service" {
				told[m.Name.Name] = verbOf(m)
			}
		}
	}
	seen := map[string]string{}
	for method, verb := range told {
		switch {
		case (verb == "") != slices.Contains(questions, method):
			t.Errorf("%s is told as %q: a verb is told, a question stands on the list", method, verb)
		case seen[verb] != "" && verb != "" && verb != "access.Remove": // one token, and several
			t.Errorf("%s and %s have one name", method, seen[verb])
		}
		seen[verb] = method
	}
	if len(told) < 50 {
		t.Errorf("only %d methods were found", len(told))
	}
}

func receiver(m *ast.FuncDecl) string {
	if p, ok := m.Recv.List[0].Type.(*ast.StarExpr); ok {
		return fmt.Sprint(p.X)
	}
	return ""
}

// verbOf is the name that a method's first statement tells of, if it does.
func verbOf(m *ast.FuncDecl) string {
	if len(m.Body.List) == 0 {
		return ""
	}
	d, ok := m.Body.List[0].(*ast.DeferStmt)
	if !ok || fmt.Sprint(d.Call.Fun) != "verbEnded" {
		return ""
	}
	if s, ok := d.Call.Args[1].(*ast.SelectorExpr); ok {
		return fmt.Sprint(s.X, ".", s.Sel)
	}
	return fmt.Sprint(d.Call.Args[1])
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
			defer verbEnded(&l, access.Revoke, &err)
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
		defer verbEnded(&l, access.Revoke, &err)
		panic("of Maya")
	}()
	if want := []string{"revoke done", "revoke refused stale", "revoke not_found", "revoke conflict", "revoke conflict", "revoke invalid",
		"revoke unavailable", "revoke failed", "revoke failed"}; !slices.Equal(l, want) {
		t.Errorf("told %q, want %q", l, want)
	}
	var err error
	verbEnded(nil, access.Revoke, &err) // nobody listens
}

// The names under which verbs are told are all on the list, those of Act's moves too.
func TestVerbsAreOnTheList(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := newRig(t, s)
		var l listener
		r.Observer = &l
		req := r.submitted()
		ana := r.as("ana", access.DoorCourse)
		r.act(ana, req.ID, access.Endorse, access.Move{})
		if _, err := r.Act(t.Context(), r.as("luca", access.DoorCourse), req.ID, access.Withdraw, access.Move{}, ""); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("somebody else's request: %v", err)
		}
		if _, err := r.Act(t.Context(), ana, req.ID, "of maya", access.Move{}, ""); err == nil {
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
