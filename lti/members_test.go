package lti

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestClaimMembersAreTheStructs keeps the list of known names and the struct
// tags from drifting apart.
func TestClaimMembersAreTheStructs(t *testing.T) {
	t.Parallel()
	var names func(reflect.Type) memberNames
	names = func(typ reflect.Type) memberNames {
		out := memberNames{}
		for i := range typ.NumField() {
			f := typ.Field(i)
			if !f.IsExported() {
				continue
			}
			inner := f.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			out[tag] = nil
			if inner.Kind() == reflect.Struct {
				out[tag] = names(inner)
			}
			for _, r := range tag {
				if r >= 'A' && r <= 'Z' || r > 127 {
					t.Errorf("misspelt relies on lower-case ASCII names, not %q", tag)
				}
			}
		}
		return out
	}
	if got := names(reflect.TypeFor[claims]()); !reflect.DeepEqual(got, claimMembers) {
		t.Errorf("claims has %v, claimMembers %v", got, claimMembers)
	}
	if got := names(reflect.TypeFor[header]()); !reflect.DeepEqual(got, headerMembers) {
		t.Errorf("header has %v, headerMembers %v", got, headerMembers)
	}
}

func TestManyMembers(t *testing.T) {
	t.Parallel()
	for _, n := range []int{manyMembers - 1, manyMembers, manyMembers + 1, 5000} {
		var parts []string
		for i := range n {
			parts = append(parts, fmt.Sprintf(`"m%d":%d`, i, i))
		}
		var v any
		ok := "{" + strings.Join(parts, ",") + "}"
		if refusal := unmarshal([]byte(ok), &v, nil); refusal != nil {
			t.Errorf("%d members: %v", n, refusal)
		}
		for _, i := range []int{0, n / 2, n - 1} {
			bad := "{" + strings.Join(append(slices.Clone(parts), parts[i]), ",") + "}"
			if refusal := unmarshal([]byte(bad), &v, nil); refusal == nil || refusal.Code != ReasonDuplicateName {
				t.Errorf("%d members, number %d twice: %v", n, i, refusal)
			}
		}
	}
}

func TestMembersThatArePermitted(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		`{}`, ` {} `, `{"a":{"x":1},"b":{"x":1}}`, `[{"a":1},{"a":1}]`, `{"a":[{"x":1},{"x":1}]}`, `{"a":"{\"a\":1,\"a\":2}"}`,
		`{"custom":{"a":1,"A":2}}`, `{"x":"\\","y":"\"","z":"}"}`, `{"":1,"a":""}`, "{\"a\"\n:\t1 ,\r\"b\":[ ] }",
		`{"unknown":{"ID":1,"Id":2}}`, `{"known":"not an object"}`, `{"known":["Id","id"]}`,
	} {
		var v any
		refusal := unmarshal([]byte(s), &v, memberNames{"known": {"id": nil}})
		if strings.HasPrefix(s, "[") != (refusal != nil) {
			t.Errorf("%s: %v", s, refusal)
		}
	}
}

// TestErrorsOfClaimsTellNothing: errors of encoding/json quote numbers.
func TestErrorsOfClaimsTellNothing(t *testing.T) {
	t.Parallel()
	for _, s := range []string{`{"sub":8675309}`, `{"iat":"8675309"}`, `{"aud":8675309}`, `{"` + claimPrefix + `context":{"id":8675309}}`, `{"x":8675309`} {
		_, refusal := decodeClaims([]byte(s))
		if refusal == nil || strings.Contains(refusal.Error(), "8675309") {
			t.Errorf("%s: %v", s, refusal)
		}
	}
	if !json.Valid([]byte(`{"a":1,"a":2}`)) {
		t.Error("the standard library refuses repeated members now; this package need not")
	}
}
