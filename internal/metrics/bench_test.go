package metrics_test

import (
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/metrics"
	"github.com/tokendesk/tokendesk/lti"
)

// BenchmarkLaunch is what the figures add to a login and its launch, calls to
// Canvas apart.
func BenchmarkLaunch(b *testing.B) {
	f := metrics.New()
	b.ReportAllocs()
	for b.Loop() {
		f.LaunchStep(lti.StepLogin, lti.Accepted, "")
		f.Answered("/lti/login", 200, 3*time.Millisecond)
		f.LaunchStep(lti.StepLaunch, lti.Accepted, "")
		f.VerbEnded(access.VerbAdmit, access.VerbDone, "")
		f.Answered("/lti/launch", 200, 20*time.Millisecond)
	}
}
