package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/cmd/kubectl-secretsync/leastprivilege"
	"github.com/secretsync/secretsync/controllers/iam"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/serviceaccount"
	sourceaws "github.com/secretsync/secretsync/controllers/source/aws"
	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/samples"
)

const (
	accountHere = localaws.DefaultAccount
	customerKey = "arn:aws:kms:" + localaws.DefaultRegion + ":" + accountHere + ":key/1234abcd-12ab-34cd-56ef-1234567890ab"
	ofOperator  = "AKIAOPERATOR"
)

// proof is an account of AWS whose identities have the printed policies and no other permission.
type proof struct {
	*setup
	aws   *localaws.Running
	admin *secretsmanager.Client
	// subjects are the SecretSyncs that have to work.
	subjects []v1alpha1.SecretSync
	policies map[leastprivilege.Principal]leastprivilege.Document
}

func newProof(t *testing.T) *proof {
	t.Helper()
	s := newSetup(t)
	running, _, _ := s.withAWS()
	running.AddPrincipal("me", localaws.Principal{Account: accountHere, ARN: "arn:aws:iam::" + accountHere + ":user/me"})
	p := &proof{setup: s, aws: running, policies: map[leastprivilege.Principal]leastprivilege.Document{}}
	p.admin = secretsmanager.New(secretsmanager.Options{Region: localaws.DefaultRegion, BaseEndpoint: aws.String(running.URL()),
		Credentials: credentials.NewStaticCredentialsProvider("me", "not-checked", "")})
	transport, err := rest.HTTPClientFor(shared.Plane.Config())
	if err != nil {
		t.Fatal(err)
	}
	cluster, err := localaws.DiscoverProvider(t.Context(), transport, shared.Plane.Config().Host)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := running.AddOIDCProvider(cluster); err != nil {
		t.Fatal(err)
	}
	return p
}

// secret creates a secret, and a second version of it.
func (p *proof) secret(name, key, content string) {
	p.Helper()
	if _, err := p.admin.CreateSecret(p.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: &content, KmsKeyId: aws.String(key)}); err != nil {
		p.Fatal(err)
	}
	if _, err := p.admin.PutSecretValue(p.Context(), &secretsmanager.PutSecretValueInput{SecretId: &name, SecretString: aws.String(content + " ")}); err != nil {
		p.Fatal(err)
	}
}

// print asks the plugin for the policies of the subjects.
func (p *proof) print(arguments ...string) {
	p.Helper()
	var all strings.Builder
	for i := range p.subjects {
		text, err := yaml.Marshal(&p.subjects[i])
		if err != nil {
			p.Fatal(err)
		}
		fmt.Fprintf(&all, "---\n%s", text)
	}
	p.Chdir(p.TempDir())
	p.write("subjects.yaml", all.String())
	got := p.plugin(append([]string{"policy", "-f", "subjects.yaml", "-o", "json"}, arguments...)...)
	var read struct{ Items []policyItem }
	if err := json.Unmarshal([]byte(got.out), &read); err != nil || got.code != exitWell {
		p.Fatalf("exit code %d, %v: %s", got.code, err, got.errOut)
	}
	for _, item := range read.Items {
		p.policies[item.Principal] = item.Policy
	}
}

// install gives each identity its policy, one of them another one.
func (p *proof) install(changed leastprivilege.Principal, policy leastprivilege.Document) {
	p.Helper()
	for principal, document := range p.policies {
		if principal == changed {
			document = policy
		}
		text := encoded(p, document)
		var err error
		switch {
		case principal.RoleARN != "":
			_, err = p.aws.AddRole(localaws.Role{Name: strings.SplitN(principal.RoleARN, ":role/", 2)[1], Policies: []string{text},
				TrustPolicy: `{"Statement": {"Effect": "Allow", "Principal": {"AWS": "` + accountHere + `"}, "Action": ["sts:AssumeRole", "sts:TagSession"]}}`})
		case principal.ServiceAccount != "":
			_, err = p.aws.AddRole(localaws.Role{Name: principal.ServiceAccount, Policies: []string{text}, TrustPolicy: p.trust(principal)})
		default:
			_, err = p.aws.AddUser(localaws.User{Name: "secretsync", AccessKeyID: ofOperator, SecretAccessKey: "operators-key", Policies: []string{text}})
		}
		if err != nil {
			p.Fatalf("%s: %v", principal, err)
		}
	}
}

func encoded(t interface{ Fatal(...any) }, document leastprivilege.Document) string {
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// trust is the trust policy that the plugin prints for a ServiceAccount.
func (p *proof) trust(principal leastprivilege.Principal) string {
	p.Helper()
	got := p.plugin("policy", "--trust", "--kms-key", "none", "--identity", principal.Namespace+"/"+principal.ServiceAccount)
	if got.code != exitWell {
		p.Fatalf("the trust policy: %+v", got)
	}
	return got.out
}

// refused gives why the first SecretSync that does not work is not Ready; empty if all work. It asks AWS as a new operator
// does, which has no answer in a cache.
func (p *proof) refused() string {
	p.Helper()
	from, err := sourceaws.New(p.Context(), sourceaws.Options{
		Region: localaws.DefaultRegion, SessionTags: true, Cluster: "prod", ServiceAccounts: &serviceaccount.Tokens{Live: shared.Client, Client: shared.Client},
		LoadOptions: []func(*config.LoadOptions) error{config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(ofOperator, "operators-key", ""))},
	})
	if err != nil {
		p.Fatal(err)
	}
	for i := range p.subjects {
		if _, _, err := assembled(p.Context(), from, &p.subjects[i]); err != nil {
			if known := failure.Explain(err); known != nil {
				return p.subjects[i].Name + ": " + known.Reason
			}
			return p.subjects[i].Name + ": " + err.Error()
		}
	}
	return ""
}

// check checks that the policies are enough, and that each part of them is needed.
func (p *proof) check(least int) {
	p.Helper()
	p.install(leastprivilege.Principal{}, p.policies[leastprivilege.Principal{}])
	if why := p.refused(); why != "" {
		p.Fatalf("with the printed policies: %s\n%s", why, p.shown())
	}
	tried := 0
	for _, principal := range slices.SortedFunc(maps.Keys(p.policies), func(a, b leastprivilege.Principal) int { return strings.Compare(a.String(), b.String()) }) {
		for what, without := range reductions(p.policies[principal]) {
			p.install(principal, without)
			if why := p.refused(); why == "" {
				p.Errorf("%s: without %s all work", principal, what)
			}
			tried++
		}
		p.checkNeighbours(principal)
	}
	if tried < least {
		p.Errorf("only %d parts were taken out", tried)
	}
}

func (p *proof) shown() string {
	var text strings.Builder
	for principal, document := range p.policies {
		fmt.Fprintln(&text, principal, encoded(p, document))
	}
	return text.String()
}

// reductions are the policies that lack one action, one resource or one value of a condition. What is for replicas is
// needed only while the home region does not answer.
func reductions(document leastprivilege.Document) map[string]leastprivilege.Document {
	all := map[string]leastprivilege.Document{}
	document.Statement = slices.DeleteFunc(slices.Clone(document.Statement), ofReplicas)
	with := func(what string, n int, change func(*leastprivilege.Statement)) {
		reduced := leastprivilege.Document{Version: document.Version, Statement: slices.Clone(document.Statement)}
		change(&reduced.Statement[n])
		if len(reduced.Statement[n].Action) == 0 || len(reduced.Statement[n].Resource) == 0 {
			reduced.Statement = slices.Delete(reduced.Statement, n, n+1)
		}
		all[document.Statement[n].Sid+" "+what] = reduced
	}
	for n, statement := range document.Statement {
		for _, action := range statement.Action {
			with(action, n, func(s *leastprivilege.Statement) { s.Action = lacking(s.Action, action) })
		}
		for _, resource := range statement.Resource {
			if replica(resource) {
				continue
			}
			with(resource, n, func(s *leastprivilege.Statement) { s.Resource = lacking(s.Resource, resource) })
		}
		for operator, keys := range statement.Condition {
			for key, values := range keys {
				for _, value := range values {
					with(key+"="+value, n, func(s *leastprivilege.Statement) {
						rest := append(lacking(values, value), "another")
						s.Condition = maps.Clone(s.Condition)
						s.Condition[operator] = maps.Clone(keys)
						s.Condition[operator][key] = rest
					})
				}
			}
		}
	}
	return all
}

// replica says whether a resource is a secret of another region.
func replica(resource string) bool {
	return strings.Contains(resource, ":secret:") && !strings.Contains(resource, ":"+localaws.DefaultRegion+":")
}

func ofReplicas(statement leastprivilege.Statement) bool {
	return !slices.ContainsFunc(statement.Resource, func(resource string) bool { return !replica(resource) })
}

func lacking(texts []string, text string) []string {
	return slices.DeleteFunc(slices.Clone(texts), func(other string) bool { return other == text })
}

// checkNeighbours checks that a policy allows nothing beside what it is for: another secret whose name is longer, shorter
// or similar, another region or account, another version, another call.
func (p *proof) checkNeighbours(principal leastprivilege.Principal) {
	p.Helper()
	text := encoded(p, p.policies[principal])
	policy, err := iam.ParseIdentity(text)
	if err != nil {
		p.Fatal(err)
	}
	allowed := func(action, resource, key, value string) bool {
		request := &iam.Request{Action: action, Resource: resource, Account: accountHere, Context: iam.Context{}}
		request.Principal.Account = accountHere
		request.Context.Set("aws:RequestedRegion", localaws.DefaultRegion)
		request.Context.Set(key, value)
		return (iam.Policies{Identity: []*iam.Policy{policy}}).Decide(request).Allowed
	}
	for _, statement := range p.policies[principal].Statement {
		for _, resource := range statement.Resource {
			if replica(resource) {
				continue // It may be described, too.
			}
			own := strings.NewReplacer("-??????", "-a1B2c3", "*", "x").Replace(resource)
			for _, other := range neighboursOf(resource, own) {
				for _, action := range []string{"secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret", "kms:Decrypt", "sts:AssumeRole"} {
					if allowed(action, other, "secretsmanager:VersionStage", "AWSCURRENT") {
						p.Errorf("%s may %s of %s", principal, action, other)
					}
				}
			}
			if allowed("secretsmanager:GetSecretValue", own, "secretsmanager:VersionStage", "AWSPENDING") || allowed("secretsmanager:GetSecretValue", own, "secretsmanager:VersionId", "another") {
				p.Errorf("%s may read other versions of %s", principal, own)
			}
			for _, action := range []string{"secretsmanager:PutSecretValue", "secretsmanager:DescribeSecret", "secretsmanager:BatchGetSecretValue", "kms:Encrypt", "iam:PassRole"} {
				if !slices.Contains(statement.Action, action) && allowed(action, own, "secretsmanager:VersionStage", "AWSCURRENT") {
					p.Errorf("%s may %s of %s", principal, action, own)
				}
			}
		}
	}
}

// neighboursOf are secrets with similar names, and those of the same name in another region or account.
func neighboursOf(resource, own string) []string {
	if !strings.Contains(own, ":secret:") {
		return nil
	}
	all := []string{
		strings.Replace(own, ":secret:", ":secret:x", 1), strings.Replace(own, ":"+localaws.DefaultRegion+":", ":us-east-2:", 1),
		strings.Replace(own, ":"+accountHere+":", ":444455556666:", 1),
	}
	if strings.Contains(resource, "*") {
		return all
	}
	return append(all, own+"x", strings.Replace(own, "-a1B2c3", "x-a1B2c3", 1), strings.Replace(own, "-a1B2c3", "-more-a1B2c3", 1))
}

// serviceAccount creates a ServiceAccount with a role of its name, and a SecretSync that reads by it, so that the trust
// policy can be printed.
func (p *proof) serviceAccount(name string) {
	p.Helper()
	made := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: p.namespace, Name: name,
		Annotations: map[string]string{annotationRole: "arn:aws:iam::" + accountHere + ":role/" + name}}}
	if err := shared.Client.Create(p.Context(), made); err != nil {
		p.Fatal(err)
	}
	p.create("of-"+name, func(made *v1alpha1.SecretSync) {
		made.Spec.Auth.ServiceAccountRef = &v1alpha1.ServiceAccountReference{Name: name}
	})
}

// TestPolicyOfSamples: with the printed policies each sample works, and without any part of them some sample does not.
func TestPolicyOfSamples(t *testing.T) {
	p := newProof(t)
	account := &samples.Account{Secrets: p.admin, Output: &strings.Builder{}}
	signing, err := account.Seed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	manifests, err := samples.Manifests("../../config/samples", signing)
	if err != nil {
		t.Fatal(err)
	}
	for _, manifest := range manifests {
		if manifest.GetKind() == "SecretSync" {
			p.add(manifest)
		}
	}
	if len(p.subjects) < 20 {
		t.Fatalf("only %d samples", len(p.subjects))
	}
	p.serviceAccount("stripe-reader")
	// Samples that read the same are together; what one of them needs is tried alone.
	all := p.subjects
	p.print("--kms-key", "none") // The replica that a sample names does not exist, so that its key is not known.
	p.install(leastprivilege.Principal{}, p.policies[leastprivilege.Principal{}])
	if why := p.refused(); why != "" {
		t.Fatalf("with the printed policies: %s\n%s", why, p.shown())
	}
	for i := range all {
		p.subjects, p.policies = all[i:i+1], map[leastprivilege.Principal]leastprivilege.Document{}
		p.print("--kms-key", "none")
		p.check(3)
	}
}

// add adds a sample, as after a rotation where it keeps former values.
func (p *proof) add(manifest samples.Manifest) {
	p.Helper()
	text, err := yaml.Marshal(manifest.Object)
	if err != nil {
		p.Fatal(err)
	}
	var read v1alpha1.SecretSync
	if err := yaml.Unmarshal(text, &read); err != nil {
		p.Fatal(err)
	}
	read.Namespace = p.namespace
	if read.Spec.KeepPrevious != nil {
		p.rotated(&read)
	}
	p.subjects = append(p.subjects, read)
}

// rotated gives a SecretSync the status of before a rotation.
func (p *proof) rotated(secretSync *v1alpha1.SecretSync) {
	p.Helper()
	found, err := p.admin.GetSecretValue(p.Context(), &secretsmanager.GetSecretValueInput{SecretId: &secretSync.Spec.Source.SecretID, VersionStage: aws.String("AWSPREVIOUS")})
	if err != nil {
		p.Fatal(err)
	}
	secretSync.Status.Sources = []v1alpha1.SourceStatus{{SecretID: secretSync.Spec.Source.SecretID, VersionStage: "AWSCURRENT", ARN: *found.ARN, VersionID: *found.VersionId}}
}

// TestPolicyOfIdentities: each way to read, with a KMS key, with find, and with former values.
func TestPolicyOfIdentities(t *testing.T) {
	role := func(name string) string { return "arn:aws:iam::" + accountHere + ":role/" + name }
	account := &v1alpha1.ServiceAccountReference{Name: "reader"}
	for name, auth := range map[string]v1alpha1.SourceAuth{
		"the operator":                 {},
		"a role":                       {RoleARN: role("team/read"), ExternalID: "x"},
		"a role by another":            {RoleARN: role("read"), ViaRoleARNs: []string{role("hub"), role("hub2")}},
		"a ServiceAccount":             {ServiceAccountRef: account},
		"a role by a ServiceAccount's": {ServiceAccountRef: account, RoleARN: role("read")},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProof(t)
			p.secret("/prod/db", customerKey, `{"a":"1"}`)
			p.secret("/prod/other", "", `{"a":"1"}`)
			p.secret("/find/one", customerKey, "1")
			if auth.ServiceAccountRef != nil {
				p.serviceAccount("reader")
			}
			of := func(name string, spec v1alpha1.SecretSyncSpec) *v1alpha1.SecretSync {
				spec.Auth = auth
				p.subjects = append(p.subjects, v1alpha1.SecretSync{TypeMeta: metav1.TypeMeta{APIVersion: "secretsync.dev/v1alpha1", Kind: "SecretSync"},
					ObjectMeta: metav1.ObjectMeta{Namespace: p.namespace, Name: name}, Spec: spec})
				return &p.subjects[len(p.subjects)-1]
			}
			p.rotated(of("grace", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: "/prod/db"}, KeepPrevious: &v1alpha1.KeepPrevious{}}))
			of("plain", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: "/prod/other"}})
			of("find", v1alpha1.SecretSyncSpec{DataFrom: []v1alpha1.DataFrom{{Find: &v1alpha1.Find{NamePrefix: "/find/"}}}})
			p.print()
			p.check(12)
		})
	}
}
