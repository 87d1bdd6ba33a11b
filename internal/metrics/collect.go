package metrics

import (
	"context"
	"runtime/metrics"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/tokendesk/tokendesk/internal/jobs"
)

// Queues are asked for what waits, each time the figures are read.
type Queues interface {
	Backlogs(ctx context.Context) ([]jobs.Backlog, error)
}

// askTime bounds the question to the database.
const askTime = 2 * time.Second

// Watch shows what waits in these queues too. It may be called once.
func (f *Figures) Watch(q Queues) { f.registry.MustRegister(backlog{q}) }

// backlog reads the queues at each scrape: they are the database's, and every
// process shows the same.
type backlog struct{ Queues }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	readable = desc("tokendesk_queues_readable", "1 if the database told what waits; 0 means that the figures of the queues are missing.")
	due      = desc("tokendesk_queue_due_jobs", "Background jobs whose time has come and that nobody has begun.", "queue")
	oldest   = desc("tokendesk_queue_oldest_due_seconds", "How long the oldest of those waits.", "queue")
	running  = desc("tokendesk_queue_running_jobs", "Background jobs that some process works on.", "queue")
	parked   = desc("tokendesk_queue_parked_jobs", "Background jobs that wait for a person.", "queue")
)

// Describe implements prometheus.Collector.
func (b backlog) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{readable, due, oldest, running, parked} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (b backlog) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	all, err := b.Backlogs(ctx)
	if err != nil {
		gauge(readable, 0) // why is in the log of whoever needs the queues
		return
	}
	gauge(readable, 1)
	for _, q := range all {
		name := string(q.Queue)
		gauge(due, float64(q.Due), name)
		gauge(oldest, q.Age.Seconds(), name)
		gauge(running, float64(q.Running), name)
		gauge(parked, float64(q.Parked), name)
	}
}

// runtimeFigures are Go's and the process's own: those that the client library
// knows, go_goroutines among them, and three that it names otherwise.
func runtimeFigures() []prometheus.Collector {
	return []prometheus.Collector{
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "go_memory_heap_objects_bytes", Help: "Bytes of live and unswept heap objects."},
			sample("/memory/classes/heap/objects:bytes")),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "go_memory_total_bytes", Help: "Bytes mapped by the Go runtime."},
			sample("/memory/classes/total:bytes")),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "go_gc_cycles_total", Help: "Completed collections."},
			sample("/gc/cycles/total:gc-cycles")),
	}
}

// sample reads one figure of the Go runtime.
func sample(name string) func() float64 {
	return func() float64 {
		s := []metrics.Sample{{Name: name}}
		metrics.Read(s)
		if s[0].Value.Kind() != metrics.KindUint64 {
			return 0
		}
		return float64(s[0].Value.Uint64())
	}
}
