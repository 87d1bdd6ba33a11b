package web_test

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/rooms"
)

// uncalled are what pages ask of the rooms for nobody: before there is a session.
var uncalled = map[string]bool{"Authority.Admit": true, "Authority.Around": true, "Cases.WordsOf": true}

// TestPagesAskByTheirCaller: whatever the pages use of the desk's rooms takes the
// caller, and so asks for itself who they are and what they may. What takes an actor,
// or a transaction, is for the rooms alone.
func TestPagesAskByTheirCaller(t *testing.T) {
	t.Parallel()
	of := map[string]reflect.Type{} // the rooms, by the names that hold them
	all := reflect.TypeFor[rooms.Rooms]()
	for i := range all.NumField() {
		of[strings.ToLower(all.Field(i).Name)] = all.Field(i).Type
	}
	asks := func(m reflect.Method) bool {
		f := m.Type // the receiver comes first
		return f.NumIn() >= 3 && f.In(1) == reflect.TypeFor[context.Context]() && f.In(2) == reflect.TypeFor[access.Caller]()
	}
	seen := 0
	for _, pattern := range []string{"*.go", "*/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "webtest/") {
				continue
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				use, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				held, ok := use.X.(*ast.SelectorExpr) // p.tokens.Revoke
				if !ok || of[strings.ToLower(held.Sel.Name)] == nil {
					return true
				}
				room := of[strings.ToLower(held.Sel.Name)]
				m, ok := room.MethodByName(use.Sel.Name)
				if !ok {
					return true
				}
				seen++
				if verb := room.Elem().Name() + "." + m.Name; !asks(m) && !uncalled[verb] {
					t.Errorf("%s uses %s, which takes no caller", set.Position(use.Pos()), verb)
				}
				return true
			})
		}
	}
	if seen < 60 {
		t.Errorf("%d uses of the rooms: the check sees too little", seen)
	}
}
