package web

import (
	"testing"

	"github.com/tokendesk/tokendesk/lti"
)

func launchWith(deployment, back string) lti.Launch {
	return lti.Launch{DeploymentID: deployment, ReturnURL: back}
}

// TestLinksThatOnlyCanvasHas are made of what only Canvas writes: other
// platforms number their deployments, and have no such page.
func TestLinksThatOnlyCanvasHas(t *testing.T) {
	reg := lti.Registration{FrameOrigins: []string{"https://lms.example.edu"}, Deployments: []lti.Deployment{{ID: "1", Root: true}}}
	if to := ownAddress(reg, "1"); to != "" {
		t.Errorf("a platform that is not Canvas: %s", to)
	}
	reg.Deployments[0].ID = "1:abc"
	if to := ownAddress(reg, "1:abc"); to != "https://lms.example.edu/users/self/external_tools/1?placement=user_navigation&display=borderless" {
		t.Errorf("Canvas: %q", to)
	}
}
