// Package metrics counts what the parts of the program report, and shows it to
// Prometheus. It implements the observers of the protocol, the Canvas client, the
// background work, the verbs and the web server; none of them knows this package.
//
// A label has a value of a closed list or is "other": no id, name, address or text
// of anybody's can become one, and how many series there are does not depend on
// who comes. Where a list is known only to the running program (the routes, the
// kinds of jobs), its own part answers for it.
package metrics

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/lti"
)

// Figures are those of one process. Several may use them at once.
type Figures struct {
	registry *prometheus.Registry

	launches, verbs, canvasCalls, jobs, requests counter
	canvasTime, jobTime, requestTime             timer
}

var (
	_ lti.Observer    = (*Figures)(nil)
	_ canvas.Observer = (*Figures)(nil)
	_ jobs.Observer   = (*Figures)(nil)
)

// Seconds that calls, answers and jobs are told apart by.
var (
	callSeconds = []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 15}
	pageSeconds = []float64{.01, .05, .25, 1, 5, 30, 60}
	jobSeconds  = []float64{.05, .25, 1, 5, 15, 60}
)

// New returns figures that are all zero.
func New() *Figures {
	f := &Figures{registry: prometheus.NewRegistry()}
	f.launches = f.counter("tokendesk_launches_total", "Steps of LTI launches, by how they ended and why they were refused.",
		of("step", lti.Steps()), of("outcome", lti.Outcomes()), of("reason", lti.Reasons()))
	f.verbs = f.counter("tokendesk_verbs_total", "What people, commands and jobs asked for, by how it ended and why it was refused.",
		of("verb", access.Verbs()), of("outcome", access.Outcomes()), of("reason", access.Whys()))
	f.canvasCalls = f.counter("tokendesk_canvas_calls_total", "Calls that were sent to Canvas.",
		of("endpoint", canvas.Endpoints()), of("outcome", canvas.Kinds(), ok))
	f.canvasTime = f.timer("tokendesk_canvas_call_seconds", "How long Canvas took to answer.", callSeconds, of("endpoint", canvas.Endpoints()))
	f.jobs = f.counter("tokendesk_job_runs_total", "Runs of background jobs; failed ones are run again.", open("kind"), of("result", jobs.Results()))
	f.jobTime = f.timer("tokendesk_job_run_seconds", "How long runs of background jobs took.", jobSeconds, open("kind"))
	f.requests = f.counter("tokendesk_http_requests_total", "Answers of the web server.", open("route"), of("status", classes))
	f.requestTime = f.timer("tokendesk_http_request_seconds", "How long the web server took to answer.", pageSeconds, open("route"))
	f.registry.MustRegister(runtimeFigures()...)
	return f
}

// Handler serves GET /metrics.
func (f *Figures) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(f.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4}))
	return mux
}

// LaunchStep implements lti.Observer.
func (f *Figures) LaunchStep(step lti.Step, outcome lti.Outcome, reason lti.Reason) {
	f.launches.add(string(step), string(outcome), string(reason))
}

// VerbEnded implements the observer of the verbs.
func (f *Figures) VerbEnded(verb access.Action, outcome access.Outcome, why access.Why) {
	f.verbs.add(string(verb), string(outcome), string(why))
}

// ok is the outcome of a call that has no kind of error.
const ok canvas.Kind = "ok"

// CanvasCall implements canvas.Observer.
func (f *Figures) CanvasCall(endpoint canvas.Endpoint, kind canvas.Kind, took time.Duration) {
	if kind == "" {
		kind = ok
	}
	f.canvasCalls.add(string(endpoint), string(kind))
	f.canvasTime.add(took, string(endpoint))
}

// JobEnded implements jobs.Observer.
func (f *Figures) JobEnded(kind string, result jobs.Result, took time.Duration) {
	f.jobs.add(kind, string(result))
	f.jobTime.add(took, kind)
}

// classes of HTTP statuses; "none" where nothing was answered.
var classes = []string{"1xx", "2xx", "3xx", "4xx", "5xx", "none"}

// Answered implements the observer of the web server.
func (f *Figures) Answered(route string, status int, took time.Duration) {
	class := "none"
	if status > 0 {
		class = strconv.Itoa(status/100) + "xx"
	}
	f.requests.add(route, class)
	f.requestTime.add(took, route)
}

// label is a label of a metric and the values it may have.
type label struct {
	name   string
	values map[string]bool // nil: whoever reports it has the list
}

const otherValue = "other"

// of is a label that has one of these values, or is empty, or other.
func of[T ~string](name string, values []T, more ...T) label {
	l := label{name: name, values: map[string]bool{"": true}}
	for _, v := range append(values, more...) {
		l.values[string(v)] = true
	}
	return l
}

// open is a label whose values are registered with whoever reports it.
func open(name string) label { return label{name: name} }

func names(labels []label) []string {
	out := make([]string, len(labels))
	for i, l := range labels {
		out[i] = l.name
	}
	return out
}

// closed puts "other" in the place of what is not on a label's list.
func closed(labels []label, values []string) []string {
	for i, l := range labels {
		if l.values != nil && !l.values[values[i]] {
			values[i] = otherValue
		}
	}
	return values
}

type counter struct {
	vec    *prometheus.CounterVec
	labels []label
}

func (f *Figures) counter(name, help string, labels ...label) counter {
	c := counter{prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, names(labels)), labels}
	f.registry.MustRegister(c.vec)
	return c
}

func (c counter) add(values ...string) { c.vec.WithLabelValues(closed(c.labels, values)...).Inc() }

type timer struct {
	vec    *prometheus.HistogramVec
	labels []label
}

func (f *Figures) timer(name, help string, seconds []float64, labels ...label) timer {
	t := timer{prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: seconds}, names(labels)), labels}
	f.registry.MustRegister(t.vec)
	return t
}

func (t timer) add(took time.Duration, values ...string) {
	t.vec.WithLabelValues(closed(t.labels, values)...).Observe(took.Seconds())
}
