package aws

import (
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/partitions"
	"github.com/secretsync/secretsync/hack/localaws"
)

// hosts are those that a source asks for, by their real names: a proxy notes them and lets nothing through.
func hosts(t *testing.T, options Options, queries ...source.VersionQuery) []string {
	t.Helper()
	proxy := newTunnels(t, http.StatusForbidden)
	address, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	options.Proxy = http.ProxyURL(address)
	s, err := New(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range queries {
		if _, err := s.Resolve(t.Context(), query); err == nil {
			t.Error("something was read")
		}
	}
	proxy.mutex.Lock()
	defer proxy.mutex.Unlock()
	return proxy.asked
}

// in asks about the secret db in a region.
func in(region string, who source.Identity) source.VersionQuery {
	query := as(who)
	query.Region = region
	return query
}

// The one way across partitions is a web identity: it takes no credentials of AWS.
func TestSTSIsAskedInThePartitionOfTheRole(t *testing.T) {
	for name, test := range map[string]struct {
		operator, role, region, want string
	}{
		"the operator's own partition":       {"eu-west-1", "arn:aws:iam::111122223333:role/r", "us-east-1", "sts.eu-west-1.amazonaws.com"},
		"China, where the secret is":         {"eu-west-1", "arn:aws-cn:iam::111122223333:role/r", "cn-north-1", "sts.cn-north-1.amazonaws.com.cn"},
		"GovCloud, where the secret is":      {"eu-west-1", "arn:aws-us-gov:iam::111122223333:role/r", "us-gov-east-1", "sts.us-gov-east-1.amazonaws.com"},
		"China, and the secret is elsewhere": {"eu-west-1", "arn:aws-cn:iam::111122223333:role/r", "us-east-1", "sts.cn-northwest-1.amazonaws.com.cn"},
		"from China to the others":           {"cn-north-1", "arn:aws:iam::111122223333:role/r", "ap-southeast-1", "sts.ap-southeast-1.amazonaws.com"},
		"the European Sovereign Cloud":       {"eu-west-1", "arn:aws-eusc:iam::111122223333:role/r", "eusc-de-east-1", "sts.eusc-de-east-1.amazonaws.eu"},
		"an operator without a region":       {"", "arn:aws-cn:iam::111122223333:role/r", "cn-north-1", "sts.cn-north-1.amazonaws.com.cn"},
		"an unknown partition":               {"eu-west-1", "arn:aws-mars:iam::111122223333:role/r", "mars-1", "sts.eu-west-1.amazonaws.com"},
		"a role that is no ARN":              {"eu-west-1", "role/r", "cn-north-1", "sts.eu-west-1.amazonaws.com"},
	} {
		t.Run(name, func(t *testing.T) {
			isolate(t, "")
			unset(t, "AWS_ENDPOINT_URL")
			accounts := &accounts{T: t, roles: map[string]string{"pay/app": test.role}}
			got := hosts(t, Options{Region: test.operator, ServiceAccounts: accounts, AdditionalRegions: []string{"mars-1"}}, in(test.region, account("pay")))
			if diff := cmp.Diff([]string{test.want + ":443"}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheOperatorsOwnWebIdentityCrossesPartitionsToo(t *testing.T) {
	env := newEnvironment(t)
	env.irsa(t, valid(t))
	t.Setenv("AWS_ROLE_ARN", "arn:aws-cn:iam::111122223333:role/secretsync")
	unset(t, "AWS_ENDPOINT_URL")
	got := hosts(t, Options{Region: "eu-west-1"}, in("cn-north-1", source.Identity{}))
	if diff := cmp.Diff([]string{"sts.cn-north-1.amazonaws.com.cn:443"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheEndpointThatIsSetForSTSIsAskedForEveryPartition(t *testing.T) {
	isolate(t, "")
	unset(t, "AWS_ENDPOINT_URL")
	t.Setenv("AWS_ENDPOINT_URL_STS", "https://sts.example.com")
	accounts := &accounts{T: t, roles: map[string]string{"pay/app": "arn:aws-cn:iam::111122223333:role/r"}}
	got := hosts(t, Options{Region: "eu-west-1", ServiceAccounts: accounts}, in("cn-north-1", account("pay")))
	if diff := cmp.Diff([]string{"sts.example.com:443"}, got); diff != "" {
		t.Error(diff)
	}
}

// No role is assumed with credentials of another partition: that is said, and AWS not asked.
func TestARoleOfAnotherPartitionIsRefusedInWords(t *testing.T) {
	const china, gov = "arn:aws-cn:iam::111122223333:role/china", "arn:aws-us-gov:iam::111122223333:role/gov"
	chained := func(who source.Identity, roles ...string) source.Identity {
		who.Via, who.RoleARN = strings.Join(roles[:len(roles)-1], " "), roles[len(roles)-1]
		return who
	}
	for name, test := range map[string]struct {
		who     source.Identity
		role    string
		mention []string
	}{
		"on top of the operator's credentials": {onTop(china), "", []string{china, "partition aws-cn", "the operator's credentials are of partition aws:", "spec.auth.serviceAccountRef"}},
		"in a chain":                           {chained(onTop(""), hubRole, gov), "", []string{gov, "partition aws-us-gov", "role " + hubRole + " is of partition aws"}},
		"first in a chain":                     {chained(onTop(""), china, china+"-2"), "", []string{"role " + china + " is", "the operator's credentials are of partition aws:"}},
		"on top of a ServiceAccount's":         {chained(account("pay"), china), payRole, []string{china, "role " + payRole + " is of partition aws"}},
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnvironment(t)
			s := env.again(t, Options{ServiceAccounts: &accounts{T: t, roles: map[string]string{"pay/app": test.role}}})
			_, err := s.Resolve(t.Context(), in("cn-north-1", test.who))
			mustMention(t, err, source.AssumeRoleDenied, append(test.mention, "AWS was not asked")...)
			for _, asked := range env.operations() {
				if asked != "AssumeRole" || test.who.Via == "" || test.who.Via == china {
					t.Errorf("AWS was asked for %s", asked)
				}
			}
		})
	}
}

func TestASecretOfAnotherPartitionIsRead(t *testing.T) {
	const role = "arn:aws-cn:iam::111122223333:role/r"
	env := newEnvironment(t)
	s := env.again(t, Options{ServiceAccounts: &accounts{T: t, roles: map[string]string{"pay/app": role}}})
	elsewhere := secretsmanager.New(env.admin.Options(), func(o *secretsmanager.Options) { o.Region = "cn-north-1" })
	id := "db"
	created, err := elsewhere.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &id, SecretString: &id})
	if err != nil {
		t.Fatal(err)
	}
	observed, err := s.Resolve(t.Context(), in("cn-north-1", account("pay")))
	if err != nil {
		t.Fatal(err)
	}
	if arn := observed.Version.ARN; arn != *created.ARN || !strings.HasPrefix(arn, "arn:aws-cn:secretsmanager:cn-north-1:") {
		t.Errorf("the secret is %s", arn)
	}
	calls := env.Calls()
	if got := calls[len(calls)-1].Principal; !strings.HasPrefix(got, "arn:aws-cn:sts::111122223333:assumed-role/r/") {
		t.Errorf("it was read by %s", got)
	}
	if got := env.counted(t, "AssumeRoleWithWebIdentity", "ok", "cn-north-1"); got != 1 {
		t.Errorf("%v roles were assumed in that region", got)
	}
}

// The page on partitions says which hosts are asked.
func TestFIPSAndDualStackHosts(t *testing.T) {
	page, err := os.ReadFile("../../../docs/partitions.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		region      string
		fips, stack bool
		want        []string
	}{
		"plain":               {"us-east-1", false, false, []string{"secretsmanager.us-east-1.amazonaws.com", "sts.us-east-1.amazonaws.com"}},
		"FIPS":                {"us-east-1", true, false, []string{"secretsmanager-fips.us-east-1.amazonaws.com", "sts-fips.us-east-1.amazonaws.com"}},
		"dual-stack":          {"us-east-1", false, true, []string{"secretsmanager.us-east-1.amazonaws.com", "sts.us-east-1.api.aws"}},
		"FIPS and dual-stack": {"us-east-1", true, true, []string{"secretsmanager-fips.us-east-1.amazonaws.com", "sts-fips.us-east-1.api.aws"}},
		"GovCloud":            {"us-gov-west-1", false, false, []string{"secretsmanager.us-gov-west-1.amazonaws.com", "sts.us-gov-west-1.amazonaws.com"}},
		"GovCloud, FIPS":      {"us-gov-west-1", true, false, []string{"secretsmanager-fips.us-gov-west-1.amazonaws.com", "sts.us-gov-west-1.amazonaws.com"}},
		"China":               {"cn-north-1", false, false, []string{"secretsmanager.cn-north-1.amazonaws.com.cn", "sts.cn-north-1.amazonaws.com.cn"}},
		"China, dual-stack":   {"cn-north-1", false, true, []string{"secretsmanager.cn-north-1.amazonaws.com.cn", "sts.cn-north-1.api.amazonwebservices.com.cn"}},
	} {
		t.Run(name, func(t *testing.T) {
			isolate(t, "")
			unset(t, "AWS_ENDPOINT_URL")
			for variable, set := range map[string]bool{"AWS_USE_FIPS_ENDPOINT": test.fips, "AWS_USE_DUALSTACK_ENDPOINT": test.stack} {
				if set {
					t.Setenv(variable, "true")
				}
			}
			role := "arn:" + partitions.Of(test.region) + ":iam::111122223333:role/r"
			accounts := &accounts{T: t, roles: map[string]string{"pay/app": role}}
			got := hosts(t, Options{Region: test.region, ServiceAccounts: accounts}, in(test.region, source.Identity{}), in(test.region, account("pay")))
			if diff := cmp.Diff([]string{test.want[0] + ":443", test.want[1] + ":443"}, got); diff != "" {
				t.Error(diff)
			}
			for _, host := range test.want {
				if !strings.Contains(string(page), "`"+host+"`") {
					t.Errorf("docs/partitions.md does not name %s", host)
				}
			}
		})
	}
}

func TestEachPartitionHasARegionOfItsOwn(t *testing.T) {
	for _, partition := range []string{"aws", "aws-cn", "aws-us-gov", "aws-eusc", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f"} {
		if got := partitions.Of(partitions.Region(partition)); got != partition {
			t.Errorf("%s is of partition %s, not %s", partitions.Region(partition), got, partition)
		}
	}
	for _, region := range []string{"eu-west-1", "us-gov-east-1", "cn-north-1", "us-iso-west-1", "us-isob-east-1", "eu-isoe-west-1", "us-isof-east-1", "eusc-de-east-1"} {
		if partitions.Region(partitions.Of(region)) == "" {
			t.Errorf("partition %s has no region", partitions.Of(region))
		}
		if partitions.Of(region) != localaws.Partition(region) {
			t.Errorf("to the local AWS, %s is of partition %s", region, localaws.Partition(region))
		}
	}
}
