package aws

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/secretsync/secretsync/controllers/source"
)

// callTimeout bounds one call, connection and answer included.
const callTimeout = 15 * time.Second

// Options say how to reach AWS. Credentials, endpoints and proxies come from the SDK's standard
// environment variables and files (AWS SDKs and Tools Reference Guide, "Standardized credential
// providers" and "Service-specific endpoints").
type Options struct {
	// Region to read from where neither the SecretSync nor an ARN names one. Default: the SDK's own
	// (AWS_REGION, or the shared configuration).
	Region string
	// Cluster is the name of the Kubernetes cluster, for the audit trail; may be empty.
	Cluster string
	// Version of the operator, for the user agent.
	Version string
	// Metrics counts calls.
	Metrics *Metrics
	// Now tells the time. Default: time.Now.
	Now func() time.Time
}

// Source reads from AWS Secrets Manager with the operator's own identity.
type Source struct {
	options Options
	config  aws.Config
	denials *denials

	mutex   sync.Mutex
	clients map[string]*secretsmanager.Client // by region
}

var _ source.Source = (*Source)(nil)

// New loads the SDK's configuration and credentials chain: static keys, web identity (IRSA), shared
// configuration, container credentials (EKS Pod Identity), instance metadata. No call is made yet.
func New(ctx context.Context, options Options) (*Source, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	loaded, err := config.LoadDefaultConfig(ctx,
		config.WithRegion(options.Region),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
		config.WithHTTPClient(awshttp.NewBuildableClient()),
		config.WithAppID("secretsync-"+options.Version),
	)
	if err != nil {
		return nil, fmt.Errorf("loading AWS configuration: %w", err)
	}
	return &Source{
		options: options,
		config:  loaded,
		denials: newDenials(options.Now),
		clients: map[string]*secretsmanager.Client{},
	}, nil
}

// client is the one for a region, made at first use.
func (s *Source) client(region string) *secretsmanager.Client {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	client, known := s.clients[region]
	if !known {
		client = secretsmanager.NewFromConfig(s.config, func(o *secretsmanager.Options) { o.Region = region })
		s.clients[region] = client
	}
	return client
}

// regionOf is where to read a Ref: its own region, the ARN's, the default.
func (s *Source) regionOf(ref source.Ref) (string, error) {
	if ref.Region != "" {
		return ref.Region, nil
	}
	if region := regionInARN(ref.SecretID); region != "" {
		return region, nil
	}
	if s.config.Region != "" {
		return s.config.Region, nil
	}
	return "", &source.Error{Kind: source.Failed, Explanation: "no AWS region is known: " +
		"set spec.source.region, use the secret's ARN, or start the operator with --region or AWS_REGION"}
}

// regionInARN is the fourth part of arn:partition:secretsmanager:region:account:secret:name.
func regionInARN(secretID string) string {
	parts := strings.SplitN(secretID, ":", 7)
	if len(parts) < 7 || parts[0] != "arn" {
		return ""
	}
	return parts[3]
}
