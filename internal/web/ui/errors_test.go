package ui

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/session"
)

func TestJudge(t *testing.T) {
	for name, tc := range map[string]struct {
		err    error
		status int
		kind   ProblemKind
		fault  bool
	}{
		"signed out":                         {session.ErrOver, 401, ProblemEnded, false},
		"the cookie alone":                   {session.ErrCookieOnly, 401, ProblemEnded, false},
		"not found, wrapped":                 {fmt.Errorf("request: %w", access.ErrNotFound), 404, ProblemNotFound, false},
		"a lost race":                        {&cases.Lost{}, 409, ProblemConflict, false},
		"a move that is not there":           {&access.TransitionError{}, 409, ProblemConflict, false},
		"a form to correct":                  {&access.FormError{Fields: []access.FieldError{{}}}, 422, ProblemRequest, false},
		"something invalid":                  {access.ErrInvalid, 400, ProblemRequest, false},
		"no form of ours":                    {ErrForm, 400, ProblemRequest, false},
		"too large":                          {&http.MaxBytesError{}, 413, ProblemRequest, false},
		"no form of ours because too large":  {errors.Join(ErrForm, &http.MaxBytesError{}), 413, ProblemRequest, false},
		"another site":                       {ErrCrossOrigin, 403, ProblemForbidden, false},
		"a method that is not there":         {ErrMethod, 405, ProblemRequest, false},
		"the browser left":                   {context.Canceled, statusGone, ProblemTrouble, false},
		"too slow":                           {context.DeadlineExceeded, 503, ProblemTrouble, true},
		"our database is away":               {fmt.Errorf("request: %w", access.ErrUnavailable), 503, ProblemDatabase, true},
		"anything else":                      {errors.New("disk on fire"), 500, ProblemTrouble, true},
		"a refusal with a reason nobody has": {access.Refuse("new_reason"), 403, ProblemForbidden, false},
	} {
		if got := judge(tc.err); got != (verdict{tc.status, tc.kind, tc.fault}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestEveryReasonHasItsPage reads the core's closed list of reasons from its
// source, so that a new one cannot be forgotten here or in the words.
func TestEveryReasonHasItsPage(t *testing.T) {
	p := printer(t, "en", "")
	for _, why := range constants(t, "../../access/errors.go", "Why") {
		v := judge(access.Refuse(access.Why(why)))
		want := verdict{403, ProblemForbidden, false}
		if why == string(access.WhyCanvas) {
			want = verdict{503, ProblemCanvas, false}
		}
		if why == string(access.WhyBusy) {
			want = verdict{429, ProblemBusy, false}
		}
		if v != want {
			t.Errorf("%s: %+v", why, v)
		}
		if !p.Has("refused." + why) {
			t.Errorf("%s: there are no words for it", why)
		}
	}
	for _, kind := range constants(t, "problem.go", "ProblemKind") {
		if !p.Has("problem." + kind + ".h1") {
			t.Errorf("the page %s has no words", kind)
		}
	}
}

// constants returns the values of a file's string constants of one type.
func constants(t *testing.T, file, typeName string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			v, ok := s.(*ast.ValueSpec)
			if !ok || fmt.Sprint(v.Type) != typeName {
				continue
			}
			for _, e := range v.Values {
				if lit, ok := e.(*ast.BasicLit); ok {
					if s, err := strconv.Unquote(lit.Value); err == nil {
						out = append(out, s)
					}
				}
			}
		}
	}
	if len(out) < 5 {
		t.Fatalf("%s: only %d constants of type %s were found", file, len(out), typeName)
	}
	return out
}

func TestPagePolicyHoldsOnlyOrigins(t *testing.T) {
	got := pagePolicy("abc", []string{
		"https://canvas.example.edu", "http://127.0.0.1:3000", "http://[::1]:3000",
		"https://a.edu; script-src *", "https://a.edu https://b.edu", "*", "https:", "javascript:alert(1)", "https://a.edu/path", "'self'",
	})
	want := "frame-ancestors https://canvas.example.edu http://127.0.0.1:3000 http://[::1]:3000"
	if !strings.HasSuffix(got, want) {
		t.Errorf("policy %q does not end in %q", got, want)
	}
	if none := pagePolicy("abc", nil); !strings.HasSuffix(none, "frame-ancestors 'none'") {
		t.Errorf("without origins: %q", none)
	}
}
