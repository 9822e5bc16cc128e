package tenancy

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv"
)

// The operator's identity in AWS.
const (
	account     = localaws.DefaultAccount
	noInstance  = "AWS_EC2_METADATA_DISABLED=true" // No test asks the metadata service of its own machine.
	stsAudience = "sts.amazonaws.com"
	roleARN     = "arn:aws:iam::" + account + ":role/secretsync"
	assumedRole = "arn:aws:sts::" + account + ":assumed-role/secretsync/"
	// podService is the principal of EKS Pod Identity, and the audience of its tokens.
	podService      = "pods.eks.amazonaws.com"
	instanceService = "ec2.amazonaws.com"
	// shortToken is the shortest lifetime of a token that API servers give, longToken the longest without a request for
	// more.
	shortToken, longToken = 10 * time.Minute, time.Hour
)

// reading is the policy of README.md.
func (s *setup) reading() string {
	return `{"Statement": {"Effect": "Allow", "Action": ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
		"Resource": "arn:aws:secretsmanager:*:*:secret:/` + s.namespace + `/*"}}`
}

// role creates the operator's role, or changes its trust policy.
func (s *setup) role(trust string) {
	s.Helper()
	if _, err := s.env.AWS.AddRole(localaws.Role{Name: "secretsync", TrustPolicy: trust, Policies: []string{s.reading()}}); err != nil {
		s.Fatal(err)
	}
}

// trustService is the trust policy of a role for an AWS service.
func trustService(service string) string {
	return `{"Statement": {"Effect": "Allow", "Principal": {"Service": "` + service + `"}, "Action": ["sts:AssumeRole", "sts:TagSession"]}}`
}

// trustAccount is the trust policy of a role for a ServiceAccount of the operator's namespace.
func trustAccount(name string) string {
	issuer := strings.TrimPrefix(cluster.Issuer, "https://")
	return `{"Statement": {"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::` + account + `:oidc-provider/` + issuer + `"},
		"Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": {
		"` + issuer + `:sub": "system:serviceaccount:` + testenv.OperatorNamespace + `:` + name + `", "` + issuer + `:aud": "` + stsAudience + `"}}}}`
}

// pod creates a Pod of the operator, which no kubelet runs.
func (s *setup) pod() *corev1.Pod {
	s.Helper()
	made := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: testenv.OperatorNamespace, Name: s.namespace},
		Spec:       corev1.PodSpec{ServiceAccountName: testenv.OperatorAccount, Containers: []corev1.Container{{Name: "manager", Image: "manager"}}},
	}
	if err := s.env.Client.Create(s.Context(), made); err != nil {
		s.Fatal(err)
	}
	return made
}

// token is a token of the operator's ServiceAccount, as the kubelet gets it for a projected volume. It is bound to a
// Pod if one is given.
func (s *setup) token(audience string, lasts time.Duration, of *corev1.Pod) string {
	s.Helper()
	seconds := int64(lasts.Seconds())
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: []string{audience}, ExpirationSeconds: &seconds}}
	if of != nil {
		request.Spec.BoundObjectRef = &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: of.Name, UID: of.UID}
	}
	operator := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: testenv.OperatorNamespace, Name: testenv.OperatorAccount}}
	if err := s.env.Client.SubResource("token").Create(s.Context(), operator, request); err != nil {
		s.Fatal(err)
	}
	return s.hide(request.Status.Token)
}

// volume is a projected volume with a token in it. The kubelet replaces its content as a whole, by a
// link to another folder.
type volume struct {
	*setup
	folder string
	writes int
}

func (s *setup) volume() *volume { return &volume{setup: s, folder: s.TempDir()} }

// file is the path of the mounted token.
func (v *volume) file() string { return filepath.Join(v.folder, "token") }

func (v *volume) write(token string) {
	v.Helper()
	v.writes++
	now := "..now-" + strconv.Itoa(v.writes)
	data, fresh := filepath.Join(v.folder, "..data"), filepath.Join(v.folder, "..data_tmp")
	for _, do := range []func() error{
		func() error { return os.Mkdir(filepath.Join(v.folder, now), 0o700) },
		func() error { return os.WriteFile(filepath.Join(v.folder, now, "token"), []byte(token), 0o600) },
		func() error { return os.Symlink(now, fresh) },
		func() error { return os.Rename(fresh, data) },
	} {
		if err := do(); err != nil {
			v.Fatal(err)
		}
	}
	if v.writes > 1 {
		return
	}
	if err := os.Symlink(filepath.Join("..data", "token"), v.file()); err != nil {
		v.Fatal(err)
	}
}
