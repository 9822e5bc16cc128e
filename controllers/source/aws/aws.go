package aws

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
	"go.opentelemetry.io/otel/trace"

	"github.com/secretsync/secretsync/controllers/arns"
	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/identity"
	"github.com/secretsync/secretsync/controllers/source/aws/refusal"
)

const (
	// defaultCallTimeout bounds one call: credentials, connection and answer together.
	defaultCallTimeout = 15 * time.Second
	// connectTimeout bounds a TCP connection and, once more, its TLS handshake. A region that is up
	// needs well under a second for either.
	connectTimeout = 5 * time.Second
	// idleConnections are kept open to each endpoint, so that a busy poll does not open new ones.
	idleConnections = 64
	// defaultRoom is how many queries wait for one endpoint at once.
	defaultRoom = 32
)

// Options say how to reach AWS. Credentials, endpoints, proxies and certificates come from the SDK's
// standard environment variables and files (AWS SDKs and Tools Reference Guide, "Standardized
// credential providers" and "Service-specific endpoints"), AWS_ENDPOINT_URL among them.
type Options struct {
	// Region to read from where neither the Ref nor an ARN names one. Default: the SDK's own
	// (AWS_REGION, or the shared configuration).
	Region string
	// AdditionalRegions are regions of AWS that are not known here yet, 16 at most. Default: none.
	AdditionalRegions []string
	// Cluster is the name of the Kubernetes cluster, for the audit trail in AWS. Default: none.
	Cluster string
	// Version of the operator, for the user agent. Default: "dev".
	Version string
	// Metrics counts calls. Default: nothing is counted.
	Metrics *Metrics
	// CallTimeout bounds one call. Default: 15 seconds.
	CallTimeout time.Duration
	// Room is how many queries may wait for one region of AWS at once; the others are put off.
	// Default: 32.
	Room int
	// ValueCacheBytes bounds the values that are kept in memory, for a minute, so that a version that many
	// want is read once: so many bytes for the operator's own identity, and as many for all others together, a
	// quarter of them for one namespace. Zero keeps none; those who ask at the same moment share a read all the same.
	ValueCacheBytes int
	// ServiceAccounts makes it possible to act as one. Default: none is acted as.
	ServiceAccounts source.ServiceAccounts
	// SessionTags gives roles that are assumed the session tags kubernetes-namespace,
	// kubernetes-service-account and kubernetes-cluster, which their trust policy must allow
	// (sts:TagSession).
	SessionTags bool
	// SourceIdentity sets the name of the session as its source identity too, which stays the same for
	// roles that are assumed from there on; trust policies must allow it (sts:SetSourceIdentity).
	SourceIdentity bool
	// Tracer makes a span for each call that is part of a trace. Default: none are made.
	Tracer trace.Tracer
	// Now tells the time. Default: time.Now.
	Now func() time.Time
	// Proxy is the proxy for a request, nil for none. Default: http.ProxyFromEnvironment.
	Proxy func(*http.Request) (*url.URL, error)
	// LoadOptions are applied to the SDK's configuration after everything above. Default: none.
	LoadOptions []func(*config.LoadOptions) error
}

// Source reads from AWS Secrets Manager with the operator's own identity and those of others. It is safe
// for concurrent use.
type Source struct {
	options Options
	config  aws.Config
	// provider gets the credentials of all identities.
	provider *identity.Provider
	// expected are the changes that events were about.
	expected *expected

	// patterns keeps the compiled patterns of names.
	patterns *pattern.Cache

	// tenants have what is kept for each namespace.
	tenants *tenants
	// regions are those that are known. They do not change.
	regions map[string]bool
}

var _ source.Source = (*Source)(nil)

// New loads the SDK's configuration and credentials chain: static keys, web identity (IRSA), shared
// configuration, container credentials (EKS Pod Identity), instance metadata. No call is made yet.
func New(ctx context.Context, options Options) (*Source, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.CallTimeout <= 0 {
		options.CallTimeout = defaultCallTimeout
	}
	if options.Room <= 0 {
		options.Room = defaultRoom
	}
	if options.Proxy == nil {
		options.Proxy = http.ProxyFromEnvironment
	}
	if options.Version == "" {
		options.Version = "dev"
	}
	s := &Source{
		options:  options,
		expected: &expected{now: options.Now},
		patterns: pattern.NewCache(),
	}
	s.tenants = newTenants(s)
	s.provider = identity.NewProvider(identity.Options{
		Cluster: options.Cluster, ServiceAccounts: options.ServiceAccounts, SessionTags: options.SessionTags, SourceIdentity: options.SourceIdentity,
		CallTimeout: options.CallTimeout, Now: options.Now,
		Paces: func(namespace string) *identity.STSPaces { return s.tenants.get(namespace).sts },
		Observe: func(operation, role, region string, took time.Duration, err error) {
			options.Metrics.observe(measured{operation, arns.Account(role), s.regionLabel(region)}, took, err)
		},
	})
	if err := s.load(ctx); err != nil {
		return nil, fmt.Errorf("loading AWS configuration: %w", err)
	}
	s.setRegions()
	return s, nil
}

// load makes the configuration that all clients share, one pool of connections included.
func (s *Source) load(ctx context.Context) error {
	loaded, err := config.LoadDefaultConfig(ctx, slices.Concat([]func(*config.LoadOptions) error{
		config.WithRegion(s.options.Region),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
		config.WithHTTPClient(newHTTPClient(s.options.Proxy)),
		config.WithAPIOptions(s.apiOptions()),
		config.WithLogger(logging.Nop{}), // It writes plain lines to stderr, in between ours.
	}, s.provider.LoadOptions(), s.options.LoadOptions)...)
	if err != nil {
		return err
	}
	loaded.HTTPClient = wholeBodies{loaded.HTTPClient}
	s.config = s.provider.Use(loaded)
	return nil
}

// apiOptions are what is added to each call of the SDK.
func (s *Source) apiOptions() []func(*middleware.Stack) error {
	added := product(s.options.Version)
	if s.options.Tracer != nil {
		added = append(added, traced(s.options.Tracer))
	}
	return added
}

// newHTTPClient stays of the SDK's own type, which is what lets AWS_CA_BUNDLE work.
func newHTTPClient(proxy func(*http.Request) (*url.URL, error)) *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = connectTimeout }).
		WithTransportOptions(func(t *http.Transport) {
			t.TLSHandshakeTimeout = connectTimeout
			t.MaxIdleConnsPerHost = idleConnections
			t.Proxy, t.OnProxyConnectResponse = proxy, refusal.TunnelOpened
		})
}

// Region is where secrets are read from that name none; empty where the SDK knows none either.
func (s *Source) Region() string { return s.config.Region }

// OwnRole is the ARN of the role that the operator's own credentials are of; empty if it is not known without a call.
func (s *Source) OwnRole() string { return s.provider.OwnRole() }

// regionOf is where to read a Ref: its own region, the ARN's, the default. One that AWS does not have is refused.
func (s *Source) regionOf(ref source.Ref) (string, error) {
	region := cmp.Or(ref.Region, arns.Region(ref.SecretID), s.config.Region)
	switch {
	case region == "":
		return "", &source.Error{Kind: source.Failed, Explanation: "no AWS region is known: " +
			"set spec.source.region, use the secret's full ARN, or start the operator with a default region (AWS_REGION)"}
	case !s.Knows(region):
		return "", unknownRegion(region)
	}
	return region, nil
}
