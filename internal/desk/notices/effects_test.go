package notices_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/notices"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/text"
)

// A cause whose letter has words of its own has them for everybody who gets one.
func TestLettersOfCauses(t *testing.T) {
	t.Parallel()
	words, err := text.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range access.Causes() {
		for _, to := range []string{"requester", "sponsor"} {
			if id := "mail.revoked." + to + ".fact_" + string(c); c.OwnLetter() != words.For("en", "").Has(id) && c != access.ByOwner {
				t.Errorf("%s: letter of its own: %v; %s is there: %v", c, c.OwnLetter(), id, !c.OwnLetter())
			}
		}
	}
}

// Something follows every effect that the grant's lifecycle table names.
func TestEveryEffectOfAGrantIsFollowed(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../access/*lifecycle.go")
	if err != nil || len(files) < 2 {
		t.Fatalf("the tables were not found: %v, %v", files, err)
	}
	effects, used := map[string]access.Effect{}, map[string]bool{}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || len(v.Values) != 1 {
				return true
			}
			switch x := v.Values[0].(type) {
			case *ast.BasicLit:
				if id, ok := v.Type.(*ast.Ident); ok && id.Name == "Effect" {
					s, _ := strconv.Unquote(x.Value)
					effects[v.Names[0].Name] = access.Effect(s)
				}
			case *ast.CompositeLit:
				for _, row := range x.Elts {
					if cells, ok := row.(*ast.CompositeLit); ok && v.Names[0].Name == "grantLifecycle" {
						used[cells.Elts[5].(*ast.Ident).Name] = true
					}
				}
			}
			return true
		})
	}
	if len(used) < 15 {
		t.Fatalf("only %d effects were found: %v", len(used), used)
	}
	r := desktest.NewRig(t, desktest.Sqlite(t))
	g, _ := r.Active()
	for name := range used {
		effect, ok := effects[name]
		err := r.Desk.Store.Read(t.Context(), func(tx *store.Tx) error {
			_, err := r.Notices.FollowGrant(tx, notices.GrantStep{Before: g, After: g, Effect: effect})
			return err
		})
		if !ok || err != nil {
			t.Errorf("%s (%q): %v", name, effect, err)
		}
	}
	err = r.Desk.Store.Read(t.Context(), func(tx *store.Tx) error {
		_, err := r.Notices.FollowGrant(tx, notices.GrantStep{Before: g, After: g, Effect: "sing"})
		return err
	})
	var unknown *notices.UnknownEffect
	if !errors.As(err, &unknown) {
		t.Errorf("what nobody does was done: %v", err)
	}
}
