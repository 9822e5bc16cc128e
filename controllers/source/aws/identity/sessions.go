package identity

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/secretsync/secretsync/controllers/source"
)

const (
	// maxSessionName is the longest RoleSessionName and SourceIdentity (page "AssumeRole" of the AWS STS
	// API Reference).
	maxSessionName = 64
	// maxTag is the longest value of a session tag (the same page).
	maxTag = 256
)

// Session tags. Namespace and ServiceAccount are named as EKS Pod Identity names them (page "Grant Pods
// access to AWS resources based on tags"), so that one policy serves both.
const (
	tagNamespace      = "kubernetes-namespace"
	tagServiceAccount = "kubernetes-service-account"
	tagCluster        = "kubernetes-cluster"
)

// tag gives a session the tags that policies can go by. They are transitive, so that each role of a chain
// has them and none can be given others.
func (p *Provider) tag(who source.Identity, o *stscreds.AssumeRoleOptions) {
	if !p.options.SessionTags {
		return
	}
	for _, pair := range [][2]string{{tagNamespace, who.Namespace}, {tagServiceAccount, who.ServiceAccount}, {tagCluster, p.options.Cluster}} {
		if pair[1] == "" {
			continue
		}
		value := sanitized(pair[1], " _.:/=+-@")
		o.Tags = append(o.Tags, ststypes.Tag{Key: aws.String(pair[0]), Value: aws.String(value[:min(len(value), maxTag)])})
		o.TransitiveTagKeys = append(o.TransitiveTagKeys, pair[0])
	}
}

// sessionName says in CloudTrail who reads: cluster, namespace, and ServiceAccount or role, with dots in between. As
// neither cluster nor namespace has a dot, no two have the same. A name that stays the same also keeps AWS's refusals
// the same.
func (p *Provider) sessionName(who source.Identity) string {
	last := who.ServiceAccount
	if who.OperatorsOwn() {
		last = who.RoleARN[strings.LastIndex(who.RoleARN, "/")+1:]
	}
	parts := []string{who.Namespace, last}
	if p.options.Cluster != "" {
		parts = append([]string{sanitized(p.options.Cluster, "_+=,@-")}, parts...)
	}
	return shortName(sanitized(strings.Join(parts, "."), "_+=,.@-"))
}

// ownSessionName is that of the operator's own role.
func ownSessionName(cluster string) string {
	if cluster == "" {
		return "secretsync"
	}
	return shortName("secretsync-" + sanitized(cluster, "_+=,.@-"))
}

// shortName cuts a name that is too long, and marks what was cut off by a digest, so that two long names
// stay two.
func shortName(name string) string {
	if len(name) <= maxSessionName {
		return name
	}
	digest := sha256.Sum256([]byte(name))
	mark := "-" + hex.EncodeToString(digest[:8])
	return name[:maxSessionName-len(mark)] + mark
}

// sanitized replaces every character that STS does not take: it takes ASCII letters and digits, and some
// others.
func sanitized(name, others string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(others, r):
			return r
		}
		return '-'
	}, name)
}
