package lti

import (
	"testing"
	"time"
)

// TestEqualNumbersAreNoTrust: Moodle numbers courses and activities, each from
// one upwards, so that activity 2 lies in course 2 sooner or later. Its teacher
// wrote the custom parameters.
func TestEqualNumbersAreNoTrust(t *testing.T) {
	t.Parallel()
	c := claimSet("n", "https://tool.example.edu/", time.Now())
	c[claimPrefix+"context"] = map[string]any{"id": "2", "type": []any{ContextCourse}}
	c[claimPrefix+"resource_link"] = map[string]any{"id": "2"}
	c[claimPrefix+"deployment_id"] = "1:2"
	c[claimPrefix+"custom"] = map[string]any{"role": "admin"}
	got, refusal := decodeClaims(mustJSON(t, c))
	if refusal != nil {
		t.Fatal(refusal)
	}
	reg := Registration{ID: "moodle", Issuer: testIssuer, ClientID: testClient, Deployments: []Deployment{{ID: "1:2", Root: true}}}
	l := got.launch(reg, "/", time.Now())
	if l.CustomTrusted || l.AtDeployment() || l.Canvas {
		t.Errorf("a platform that is not declared to be Canvas: trusted %t, at its deployment %t, Canvas %t", l.CustomTrusted, l.AtDeployment(), l.Canvas)
	}
	if role, _ := l.Custom.Text("role"); role != "admin" {
		t.Errorf("the parameter itself is %q", role)
	}
	reg.Canvas = true
	if l = got.launch(reg, "/", time.Now()); !l.CustomTrusted || !l.AtDeployment() || !l.Canvas {
		t.Errorf("Canvas: %+v", l)
	}
}
