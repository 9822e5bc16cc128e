package tenancy

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

const (
	operatorUser = "arn:aws:iam::" + account + ":user/secretsync"
	guestKey     = "AKIAGUEST"
	// pageSecret and pageNamespace are the examples of docs/audit.md.
	pageSecret, pageNamespace = "/prod/payments/db", "payments"
)

// auditBlock is the only block of docs/audit.md in a language that contains a text, about the setup's secret and
// namespace.
func (s *setup) auditBlock(language, mention string) string {
	s.Helper()
	page, err := os.ReadFile(filepath.Join(testsuite.Root, "docs/audit.md"))
	if err != nil {
		s.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?s)```(\\w*)\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		if block[1] != language || !strings.Contains(block[2], mention) {
			continue
		}
		id := "/" + s.namespace + "/" + secretName
		return strings.NewReplacer(pageSecret, id, strings.ReplaceAll(pageSecret, "/", `\/`), strings.ReplaceAll(id, "/", `\/`),
			`"`+pageNamespace+`"`, `"`+s.namespace+`"`).Replace(block[2])
	}
	s.Fatalf("docs/audit.md has no block %q with %q", language, mention)
	return ""
}

// trail are the records of CloudTrail as JSON.
func (s *setup) trail() (records []record) {
	s.Helper()
	for _, event := range s.env.AWS.Events() {
		content, err := json.Marshal(event.Detail)
		if err != nil {
			s.Fatal(err)
		}
		var read record
		if err := json.Unmarshal(content, &read); err != nil {
			s.Fatal(err)
		}
		records = append(records, read)
	}
	return records
}

// make creates a SecretSync.
func (s *setup) make(name string, spec v1alpha1.SecretSyncSpec) {
	s.Helper()
	if err := s.env.Client.Create(s.Context(), &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}, Spec: spec}); err != nil {
		s.Fatal(err)
	}
}

// awaitReady waits until a SecretSync is Ready, or is not.
func (s *setup) awaitReady(name string, want metav1.ConditionStatus) {
	s.Helper()
	s.await(name+" is Ready="+string(want), func() bool {
		found := &v1alpha1.SecretSync{}
		if err := s.env.Client.Get(s.Context(), client.ObjectKey{Namespace: s.namespace, Name: name}, found); err != nil {
			s.Fatal(err)
		}
		return meta.IsStatusConditionPresentAndEqual(found.Status.Conditions, v1alpha1.ConditionReady, want)
	})
}

// readByAll reads the secret: for SecretSyncs with the operator's identity and with a role, and by others. It gives the
// manager.
func (s *setup) readByAll(secretAccessKey string) *testenv.Manager {
	s.Helper()
	queue, err := s.env.AWS.AddQueue(localaws.Queue{Name: "trail"})
	if err == nil {
		_, err = s.env.AWS.AddEventRule(localaws.EventRule{Queue: queue, Reads: true})
	}
	if err != nil {
		s.Fatal(err)
	}
	s.user(secretAccessKey, s.reading(), `{"Statement": {"Effect": "Allow", "Action": "sts:*", "Resource": "*"}}`)
	if _, err := s.env.AWS.AddUser(localaws.User{Name: "guest", AccessKeyID: guestKey, SecretAccessKey: secretAccessKey}); err != nil {
		s.Fatal(err)
	}
	roles := map[string]string{}
	for name, policies := range map[string][]string{"reader": {s.reading()}, "denied": nil} {
		trust := `{"Statement": {"Effect": "Allow", "Principal": {"AWS": "` + operatorUser + `"}, "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]}}`
		if roles[name], err = s.env.AWS.AddRole(localaws.Role{Name: name, TrustPolicy: trust, Policies: policies}); err != nil {
			s.Fatal(err)
		}
	}
	id, _ := s.createSecret()
	described, err := s.aws.DescribeSecret(s.Context(), &secretsmanager.DescribeSecretInput{SecretId: &id})
	if err != nil {
		s.Fatal(err)
	}
	similar := s.hide("value-of-another-secret")
	if _, err := s.aws.CreateSecret(s.Context(), &secretsmanager.CreateSecretInput{Name: aws.String(id + "-2"), SecretString: &similar}); err != nil {
		s.Fatal(err)
	}
	manager := s.start(keys(secretAccessKey), "--source-identity")
	s.make(secretName, v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}})
	s.make("by-role", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: *described.ARN}, Auth: v1alpha1.SourceAuth{RoleARN: roles["reader"]}})
	s.make("similar", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id + "-2"}})
	s.make("denied", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id + "-2"}, Auth: v1alpha1.SourceAuth{RoleARN: roles["denied"]}})
	for _, name := range []string{secretName, "by-role", "similar"} {
		s.awaitReady(name, metav1.ConditionTrue)
	}
	s.awaitReady("denied", metav1.ConditionFalse)
	if _, err := s.aws.GetSecretValue(s.Context(), &secretsmanager.GetSecretValueInput{SecretId: &id}); err != nil {
		s.Fatal(err)
	}
	guest := secretsmanager.New(s.aws.Options(), func(o *secretsmanager.Options) {
		o.Credentials = credentials.NewStaticCredentialsProvider(guestKey, secretAccessKey, "")
	})
	if _, err := guest.GetSecretValue(s.Context(), &secretsmanager.GetSecretValueInput{SecretId: &id}); err == nil {
		s.Fatal("a guest may read the secret")
	}
	return manager
}

// TestWhoReadThisSecret: the queries of docs/audit.md find each read of a secret, with cluster, namespace and SecretSync,
// in the records that the operator's own calls leave.
func TestWhoReadThisSecret(t *testing.T) {
	s := newSetup(t, 0)
	manager := s.readByAll(s.hide("key-of-the-operator"))
	session := "tests." + s.namespace + ".reader"
	want := []string{
		" | | | " + "arn:aws:iam::" + account + ":user/administrator | ",
		" | | | " + "arn:aws:iam::" + account + ":user/guest | AccessDeniedException",
		"tests | " + s.namespace + " | by-role | arn:aws:sts::" + account + ":assumed-role/reader/" + session + " | ",
		"tests | " + s.namespace + " | " + secretName + " | " + operatorUser + " | ",
	}
	slices.Sort(want)
	records := s.trail()
	byInsights := insights(t, s.auditBlock("", "requestParameters.secretId like"), records)
	byAthena := athena(t, s.auditBlock("sql", "cloudtrail_logs"), records)
	s.compare("CloudWatch Logs Insights", want, byInsights, "cluster", "namespace", "secretsync", "userIdentity.arn", "errorCode")
	s.compare("Athena", want, byAthena, "cluster", "namespace", "secretsync", "principal", "errorcode")
	sources := map[string]bool{}
	for _, found := range byInsights {
		sources[found["userIdentity.sessionContext.sourceIdentity"]] = true
	}
	if diff := cmp.Diff(map[string]bool{"": true, session: true}, sources); diff != "" {
		t.Errorf("source identities differ (-want +got):\n%s", diff)
	}
	s.checkTags("kubernetes-namespace", "kubernetes-cluster")
	s.checkRequestID(manager, records)
	s.checkUsers()
	s.checkReaders()
}

// compare compares the rows of a query by columns, each of which must be filled in some row; so must all others.
func (s *setup) compare(by string, want []string, rows []row, columns ...string) {
	s.Helper()
	var got []string
	empty := map[string]bool{}
	for n, found := range rows {
		cells := make([]string, 0, len(columns))
		for _, column := range columns {
			cells = append(cells, found[column])
		}
		got = append(got, strings.Join(cells, " | "))
		for column, cell := range found {
			empty[column] = cell == "" && (n == 0 || empty[column])
		}
	}
	slices.Sort(got)
	for n := range got { // An empty cell is one blank.
		got[n] = strings.ReplaceAll(got[n], " |  | ", " | | ")
		got[n] = strings.ReplaceAll(got[n], " |  | ", " | | ")
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		s.Errorf("%s: rows differ (-want +got):\n%s", by, diff)
	}
	maps.DeleteFunc(empty, func(_ string, is bool) bool { return !is })
	if len(empty) > 0 {
		s.Errorf("%s: no row has the columns %v", by, slices.Collect(maps.Keys(empty)))
	}
}

// checkTags compares the tags of the role's session with those that the page names.
func (s *setup) checkTags(names ...string) {
	s.Helper()
	page, err := os.ReadFile(filepath.Join(testsuite.Root, "docs/audit.md"))
	if err != nil {
		s.Fatal(err)
	}
	for _, call := range s.calls("GetSecretValue") {
		if call.SessionName == "" {
			continue
		}
		for _, name := range names {
			if call.SessionTags[name] == "" || !bytes.Contains(page, []byte("`"+name+"`")) {
				s.Errorf("the session has the tags %v, and the page should name %s", call.SessionTags, name)
			}
		}
		return
	}
	s.Error("no session of a role read")
}

// checkRequestID: awsRequestID in the log is requestID of a refused call.
func (s *setup) checkRequestID(manager *testenv.Manager, records []record) {
	s.Helper()
	log, err := manager.Log()
	if err != nil {
		s.Fatal(err)
	}
	found := regexp.MustCompile(`"awsRequestID":\s*"([^"]+)"`).FindSubmatch(log)
	if found == nil {
		s.Fatal("the log has no awsRequestID")
	}
	if !slices.ContainsFunc(records, func(of record) bool {
		return of["requestID"] == string(found[1]) && of["errorCode"] == "AccessDeniedException"
	}) {
		s.Errorf("no record of a refusal has the requestID %s", found[1])
	}
}

// checkUsers runs the page's command that lists the SecretSyncs which use the secret.
func (s *setup) checkUsers() {
	s.Helper()
	command := exec.CommandContext(s.Context(), "bash", "-euo", "pipefail", "-c", s.auditBlock("sh", "kubectl get secretsyncs"))
	command.Env = append(os.Environ(), "KUBECONFIG="+s.env.Plane.Kubeconfig(), "PATH="+filepath.Dir(s.env.Plane.Kubectl())+":"+os.Getenv("PATH"))
	output, err := command.CombinedOutput()
	if err != nil {
		s.Fatalf("%v: %s", err, output)
	}
	var got []string
	for line := range strings.Lines(string(output)) {
		if cells := strings.Fields(line); len(cells) == 4 && cells[1] == cells[2] {
			got = append(got, cells[0]+"/"+cells[2])
		}
	}
	if want := []string{s.namespace + "/by-role", s.namespace + "/" + secretName}; !cmp.Equal(want, got) {
		s.Errorf("the secret is used by %v, want %v, in:\n%s", got, want, output)
	}
}

// checkReaders runs the page's query on the audit log of the API server.
func (s *setup) checkReaders() {
	s.Helper()
	content, err := os.ReadFile(s.env.Plane.AuditLog())
	if err != nil {
		s.Fatal(err)
	}
	var records []record
	for line := range bytes.Lines(content) {
		read := record{"@logStream": "kube-apiserver-audit-1"}
		if json.Unmarshal(line, &read) == nil { // The last line may be incomplete.
			records = append(records, read)
		}
	}
	rows := insights(s.T, s.auditBlock("", "kube-apiserver-audit"), records)
	operator := "system:serviceaccount:" + testenv.OperatorNamespace + ":" + testenv.OperatorAccount
	if !slices.ContainsFunc(rows, func(found row) bool {
		return found["objectRef.name"] == secretName && found["user.username"] == operator && found["verb"] == "create" && found["responseStatus.code"] != "" && found["userAgent"] != ""
	}) {
		s.Errorf("the operator's write is not in %v", rows)
	}
}
