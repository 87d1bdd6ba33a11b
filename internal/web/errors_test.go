package web

import (
	"testing"
)

func TestToolAddress(t *testing.T) {
	const canvas = "https://canvas.example.edu"
	for name, tc := range map[string]struct{ deployment, back, want string }{
		"a course":                     {"7788:abc", canvas + "/courses/42/external_content/success/external_tool_redirect", canvas + "/courses/42/external_tools/7788?display=borderless"},
		"an account":                   {"7788:abc", canvas + "/accounts/1/external_content/success/external_tool_redirect", canvas + "/accounts/1/external_tools/7788?display=borderless"},
		"another host":                 {"7788:abc", "https://evil.example/courses/42/external_content/success/x", ""},
		"a host that begins alike":     {"7788:abc", canvas + ".evil.example/courses/42/external_content/success/x", ""},
		"no way back":                  {"7788:abc", "", ""},
		"a deployment without a colon": {"7788", canvas + "/courses/42/external_content/success/x", ""},
		"a deployment that is no id":   {"../1:abc", canvas + "/courses/42/external_content/success/x", ""},
		"a place that is no id":        {"7788:abc", canvas + "/courses/042/external_content/success/x", ""},
		"somebody's profile":           {"7788:abc", canvas + "/profile", ""},
	} {
		l := launchWith(tc.deployment, tc.back)
		if got := toolAddress(canvas, l); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
	if got := toolAddress("", launchWith("7788:abc", canvas+"/courses/42/external_content/success/x")); got != "" {
		t.Errorf("without a Canvas: %q", got)
	}
}
