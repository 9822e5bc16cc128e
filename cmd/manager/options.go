package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/accesspolicy"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws"
)

// options are the manager's flags. Each flag but --version may also be set by an environment variable: SECRETSYNC_ and
// the flag's name in capitals, for example SECRETSYNC_POLL_INTERVAL. A flag overrides its variable.
type options struct {
	pollInterval            time.Duration
	watchNamespaces         string
	watchLabelSelector      string
	workers                 int
	region                  string
	additionalRegions       string
	clusterName             string
	leaderElect             bool
	leaderElectionID        string
	leaderElectionNamespace string
	leaderElectionLease     time.Duration
	metricsBindAddress      string
	metricsSecure           bool
	metricsCertDir          string
	metricsNamespaces       int
	healthProbeBindAddress  string
	logFormat               string
	logLevel                string
	kubeAPIQPS              float64
	valueCacheBytes         int
	memoryLimit             int64
	podName                 string
	podNamespace            string
	podUID                  string
	sessionTags             bool
	sourceIdentity          bool
	rollouts                bool
	mergeWithoutConsent     bool
	secretNamePatterns      string
	namespacesTag           string
	changeQueueURL          string
	changeHookBindAddress   string
	changeHookTokenFile     string
	changeHookCertDir       string
	pprofBindAddress        string
	gracefulShutdownTimeout time.Duration
	showVersion             bool

	// changed are the flags that do not have their default, with their values.
	changed map[string]string
}

const environmentPrefix = "SECRETSYNC_"

// maxMetricsNamespaces bounds --metrics-namespaces: each namespace has a few series for each reason that occurs in it.
const maxMetricsNamespaces = 1000

// parseOptions parses flags and environment variables. It prints what is invalid to output.
func parseOptions(arguments []string, getenv func(string) string, output io.Writer) (*options, error) {
	o := &options{}
	flags := flag.NewFlagSet("manager", flag.ContinueOnError)
	flags.SetOutput(output)
	o.bind(flags)
	if err := fromEnvironment(flags, getenv); err != nil {
		fmt.Fprintln(output, err)
		return nil, err
	}
	if err := flags.Parse(arguments); err != nil {
		return nil, err
	}
	o.changed = map[string]string{}
	flags.VisitAll(func(f *flag.Flag) {
		if f.Value.String() != f.DefValue {
			o.changed[f.Name] = f.Value.String()
		}
	})
	if err := o.validate(flags.Args()); err != nil {
		fmt.Fprintln(output, err)
		return nil, err
	}
	return o, nil
}

func (o *options) bind(flags *flag.FlagSet) {
	flags.DurationVar(&o.pollInterval, "poll-interval", 5*time.Minute, "how often to poll the secrets of SecretSyncs that set no pollInterval (1s to 24h)")
	flags.StringVar(&o.watchNamespaces, "watch-namespaces", "", "namespaces to work in, separated by commas; empty means all")
	flags.StringVar(&o.watchLabelSelector, "watch-label-selector", "", "label selector of the SecretSyncs to reconcile, if several operators share a cluster; empty means all")
	flags.IntVar(&o.workers, "workers", 64, "SecretSyncs to reconcile at once; reconciles mostly wait for AWS and Kubernetes")
	flags.StringVar(&o.region, "region", "", "AWS region to read from by default; empty means the SDK's default (AWS_REGION)")
	flags.StringVar(&o.additionalRegions, "additional-regions", "", "AWS regions, separated by commas, that this version does not know yet; secrets are read only from known regions and the operator's own")
	flags.StringVar(&o.clusterName, "cluster-name", "", "name of this cluster in CloudTrail (in the user agent)")
	flags.BoolVar(&o.leaderElect, "leader-elect", true, "reconcile on one replica at a time; needs a Lease in the operator's namespace")
	flags.StringVar(&o.leaderElectionID, "leader-election-id", "secretsync", "name of the Lease; the replicas of an operator share it, and each shard needs its own")
	flags.StringVar(&o.leaderElectionNamespace, "leader-election-namespace", "", "namespace of the Lease; empty means the pod's own")
	flags.DurationVar(&o.leaderElectionLease, "leader-election-lease", 8*time.Second, "how long after the leader's last renewal of the Lease another replica takes over (5s to 5m, whole seconds); the leader renews it each quarter of that time")
	flags.StringVar(&o.metricsBindAddress, "metrics-bind-address", ":8443", "address of the metrics endpoint; 0 turns it off")
	flags.BoolVar(&o.metricsSecure, "metrics-secure", true, "serve metrics by TLS, only to clients that Kubernetes allows to get /metrics; false serves plain HTTP to every client")
	flags.StringVar(&o.metricsCertDir, "metrics-cert-dir", "", "directory of tls.crt and tls.key for the metrics, reloaded when they change; empty uses a self-signed certificate, created at each start")
	flags.IntVar(&o.metricsNamespaces, "metrics-namespaces", 0, "number of namespaces (up to 1000) that have series of their own in secretsync_ready and secretsync_not_ready_seconds, first those with the most SecretSyncs that are not ready; 0 turns the label off")
	flags.StringVar(&o.healthProbeBindAddress, "health-probe-bind-address", ":8081", "address of /healthz and /readyz; 0 turns it off")
	flags.StringVar(&o.logFormat, "log-format", "json", "json or console")
	flags.StringVar(&o.logLevel, "log-level", "info", "info or debug")
	flags.Float64Var(&o.kubeAPIQPS, "kube-api-qps", 0, "requests per second to the Kubernetes API server, and twice that in a burst; 0 means no limit but the API server's priority and fairness")
	flags.BoolVar(&o.sessionTags, "session-tags", true, "set the session tags kubernetes-namespace, kubernetes-service-account and kubernetes-cluster when assuming roles of spec.auth; their trust policies must allow sts:TagSession")
	flags.BoolVar(&o.sourceIdentity, "source-identity", false, "set the session name as the source identity too; trust policies must allow sts:SetSourceIdentity")
	flags.BoolVar(&o.rollouts, "rollouts", false, "restart workloads when a Secret that they use has changed; needs the permissions of the component rollouts")
	flags.BoolVar(&o.mergeWithoutConsent, "merge-without-consent", false, "allow creationPolicy Merge to write into every Secret of the SecretSync's namespace, not only into Secrets whose annotation "+v1alpha1.AnnotationMergeFrom+" allows it")
	flags.StringVar(&o.secretNamePatterns, "secret-name-patterns", "", "patterns, separated by commas, of the secrets that a namespace may read with the operator's own identity, for example /prod/{namespace}/*; empty allows all secrets")
	flags.StringVar(&o.namespacesTag, "namespaces-tag", string(accesspolicy.TagIgnore), "Ignore, Honor or Require: what the tag "+source.TagNamespaces+" on a secret means for reads with the operator's own identity")
	flags.IntVar(&o.valueCacheBytes, "value-cache-bytes", 16<<20, "size in bytes of the cache for values that many SecretSyncs read, which are cached for a minute; 0 caches none")
	flags.Int64Var(&o.memoryLimit, "memory-limit", 0, "memory limit of the container in bytes; Go stays below nine tenths of it; GOMEMLIMIT overrides it; 0 sets no limit")
	flags.StringVar(&o.podName, "pod-name", "", "name of the operator's pod, which owns the Lease; empty leaves the Lease without an owner")
	flags.StringVar(&o.podNamespace, "pod-namespace", "", "namespace of the operator's pod")
	flags.StringVar(&o.podUID, "pod-uid", "", "UID of the operator's pod")
	flags.StringVar(&o.changeQueueURL, "change-queue-url", "", "URL of the SQS queue to which an EventBridge rule sends the events of Secrets Manager; each operator needs a queue of its own; empty means that changes are found by polling")
	flags.StringVar(&o.changeHookBindAddress, "change-hook-bind-address", "", "address that receives such events by HTTP (POST /events), for example :8444; empty turns it off")
	flags.StringVar(&o.changeHookTokenFile, "change-hook-token-file", "", "file of the bearer token that such requests must have; reloaded when it changes")
	flags.StringVar(&o.changeHookCertDir, "change-hook-cert-dir", "", "directory of tls.crt and tls.key for such requests, reloaded when they change; empty serves plain HTTP, for use behind an ingress")
	flags.StringVar(&o.pprofBindAddress, "pprof-bind-address", "", "address of Go's profiles; empty turns them off")
	flags.DurationVar(&o.gracefulShutdownTimeout, "graceful-shutdown-timeout", 30*time.Second, "how long running reconciles may take to end after a stop signal")
	flags.BoolVar(&o.showVersion, "version", false, "print the version and exit")
}

func fromEnvironment(flags *flag.FlagSet, getenv func(string) string) error {
	var problems []error
	flags.VisitAll(func(f *flag.Flag) {
		if f.Name == "version" {
			return // Not a setting, and SECRETSYNC_VERSION is a likely name for something else.
		}
		name := environmentPrefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value := getenv(name)
		if value == "" {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			problems = append(problems, fmt.Errorf("environment variable %s=%q: %w", name, value, err))
		}
	})
	return errors.Join(problems...)
}

func (o *options) validate(rest []string) error {
	problems := slices.Concat(o.wrongScope(), o.wrongLimits(), o.wrongLease(), o.wrongChanges())
	refuse := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if len(rest) > 0 {
		refuse("unexpected argument %q: options are flags, see --help", rest[0])
	}
	if o.metricsCertDir != "" && !o.metricsSecure {
		refuse("--metrics-cert-dir has no use with --metrics-secure=false, which serves plain HTTP: omit one of them")
	}
	if o.logFormat != "json" && o.logFormat != "console" {
		refuse("--log-format=%q must be json or console", o.logFormat)
	}
	if o.logLevel != "info" && o.logLevel != "debug" {
		refuse("--log-level=%q must be info or debug", o.logLevel)
	}
	return errors.Join(problems...)
}

// wrongScope returns what is invalid in the flags that say what to reconcile.
func (o *options) wrongScope() (problems []error) {
	for _, namespace := range o.namespaces() {
		if len(validation.IsDNS1123Label(namespace)) > 0 {
			problems = append(problems, fmt.Errorf("--watch-namespaces names %q, which is not a valid name of a namespace: separate names by commas, without patterns", namespace))
		}
	}
	if _, err := o.selector(); err != nil {
		problems = append(problems, fmt.Errorf("--watch-label-selector=%q is not a label selector, for example sharding.secretsync.dev/key=a: %w", o.watchLabelSelector, err))
	}
	if err := aws.WrongRegions(o.regions()); err != nil {
		problems = append(problems, fmt.Errorf("--additional-regions=%q: %w", o.additionalRegions, err))
	}
	if _, err := accesspolicy.ParsePatterns(o.secretNamePatterns); err != nil {
		problems = append(problems, fmt.Errorf("--secret-name-patterns=%q: %w", o.secretNamePatterns, err))
	}
	if rule := accesspolicy.TagRule(o.namespacesTag); rule != accesspolicy.TagIgnore && rule != accesspolicy.TagHonor && rule != accesspolicy.TagRequire {
		problems = append(problems, fmt.Errorf("--namespaces-tag=%q must be Ignore, Honor or Require", o.namespacesTag))
	}
	return problems
}

// rules are the access policy for reads with the operator's own identity.
func (o *options) rules() (accesspolicy.Rules, error) {
	patterns, err := accesspolicy.ParsePatterns(o.secretNamePatterns)
	return accesspolicy.Rules{Patterns: patterns, Tag: accesspolicy.TagRule(o.namespacesTag)}, err
}

// wrongLimits returns which numbers are out of bounds.
func (o *options) wrongLimits() (problems []error) {
	refuse := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if o.pollInterval < time.Second || o.pollInterval > 24*time.Hour {
		refuse("--poll-interval=%s must be between 1s and 24h", o.pollInterval)
	}
	if o.workers < 1 {
		refuse("--workers=%d must be at least 1", o.workers)
	}
	if o.kubeAPIQPS < 0 {
		refuse("--kube-api-qps=%g must not be negative; 0 means no limit", o.kubeAPIQPS)
	}
	if o.valueCacheBytes < 0 {
		refuse("--value-cache-bytes=%d must not be negative; 0 caches no values", o.valueCacheBytes)
	}
	if o.metricsNamespaces < 0 || o.metricsNamespaces > maxMetricsNamespaces {
		refuse("--metrics-namespaces=%d must be between 0 and %d; 0 gives no namespace series of its own", o.metricsNamespaces, maxMetricsNamespaces)
	}
	if o.memoryLimit < 0 {
		refuse("--memory-limit=%d must not be negative; 0 sets no limit", o.memoryLimit)
	}
	if o.gracefulShutdownTimeout < 0 {
		refuse("--graceful-shutdown-timeout=%s must not be negative; 0 does not wait", o.gracefulShutdownTimeout)
	}
	return problems
}

// regions are the regions to add to the known ones.
func (o *options) regions() []string {
	return strings.FieldsFunc(o.additionalRegions, func(r rune) bool { return r == ',' || r == ' ' })
}

// namespaces are the namespaces to work in; none means all.
func (o *options) namespaces() []string {
	return strings.FieldsFunc(o.watchNamespaces, func(r rune) bool { return r == ',' || r == ' ' })
}
