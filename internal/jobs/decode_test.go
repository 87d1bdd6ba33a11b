package jobs_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/tokendesk/tokendesk/internal/jobs"
)

func TestDecode(t *testing.T) {
	t.Parallel()
	type ref struct {
		Grant   string `json:"grant"`
		Attempt int    `json:"attempt"`
	}
	for name, tc := range map[string]struct {
		data string
		want ref
		bad  bool
	}{
		"whole":                            {`{"grant":"grt_A","attempt":2}`, ref{"grt_A", 2}, false},
		"of a program that says less":      {`{"grant":"grt_A"}`, ref{Grant: "grt_A"}, false},
		"of a program that says more":      {`{"grant":"grt_A","attempt":2,"why":"x"}`, ref{"grt_A", 2}, false},
		"nothing":                          {``, ref{}, true},
		"no document":                      {`grt_A`, ref{}, true},
		"another kind of value":            {`"grt_A"`, ref{}, true},
		"another kind of value in a field": {`{"grant":7}`, ref{}, true},
		"cut short":                        {`{"grant":"grt_A"`, ref{}, true},
		"two documents":                    {`{"grant":"grt_A"}{"grant":"grt_B"}`, ref{}, true},
	} {
		got, err := jobs.Decode[ref]([]byte(tc.data))
		var permanent *jobs.PermanentError
		if (err != nil) != tc.bad || tc.bad != errors.As(err, &permanent) || !tc.bad && !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
