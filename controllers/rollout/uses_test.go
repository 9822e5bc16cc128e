package rollout

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// named is a reference to a Secret by name.
func named(name string) *corev1.LocalObjectReference {
	return &corev1.LocalObjectReference{Name: name}
}

func keyOf(secret string) corev1.EnvVar {
	return corev1.EnvVar{Name: "PASSWORD", ValueFrom: &corev1.EnvVarSource{
		SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: *named(secret), Key: "password"}}}
}

func allOf(secret string) corev1.EnvFromSource {
	return corev1.EnvFromSource{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: *named(secret)}}
}

// volumes is a pod with a volume.
func volumes(source corev1.VolumeSource) corev1.PodSpec {
	return corev1.PodSpec{Volumes: []corev1.Volume{{Name: "other"}, {Name: "v", VolumeSource: source}}}
}

// container is a pod whose second container is the one given.
func container(c corev1.Container) corev1.PodSpec {
	return corev1.PodSpec{Containers: []corev1.Container{{Name: "other"}, c}}
}

func TestUses(t *testing.T) {
	projected := func(sources ...corev1.VolumeProjection) corev1.PodSpec {
		return volumes(corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: sources}})
	}
	for name, test := range map[string]struct {
		pod  corev1.PodSpec
		want bool
	}{
		"a key as a variable":             {container(corev1.Container{Env: []corev1.EnvVar{{Name: "A"}, keyOf("db")}}), true},
		"all keys as variables":           {container(corev1.Container{EnvFrom: []corev1.EnvFromSource{{}, allOf("db")}}), true},
		"a key in an init container":      {corev1.PodSpec{InitContainers: []corev1.Container{{Env: []corev1.EnvVar{keyOf("db")}}}}, true},
		"all keys in an init container":   {corev1.PodSpec{InitContainers: []corev1.Container{{EnvFrom: []corev1.EnvFromSource{allOf("db")}}}}, true},
		"a volume":                        {volumes(corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "db"}}), true},
		"a projected volume":              {projected(corev1.VolumeProjection{}, corev1.VolumeProjection{Secret: &corev1.SecretProjection{LocalObjectReference: *named("db")}}), true},
		"the credentials of a registry":   {corev1.PodSpec{ImagePullSecrets: []corev1.LocalObjectReference{*named("x"), *named("db")}}, true},
		"the credentials of a CSI driver": {volumes(corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{NodePublishSecretRef: named("db")}}), true},
		"the credentials of Azure Files":  {volumes(corev1.VolumeSource{AzureFile: &corev1.AzureFileVolumeSource{SecretName: "db"}}), true},
		"the credentials of a plugin":     {volumes(corev1.VolumeSource{FlexVolume: &corev1.FlexVolumeSource{SecretRef: named("db")}}), true},
		"the credentials of Ceph FS":      {volumes(corev1.VolumeSource{CephFS: &corev1.CephFSVolumeSource{SecretRef: named("db")}}), true},
		"the credentials of Ceph RBD":     {volumes(corev1.VolumeSource{RBD: &corev1.RBDVolumeSource{SecretRef: named("db")}}), true},
		"the credentials of iSCSI":        {volumes(corev1.VolumeSource{ISCSI: &corev1.ISCSIVolumeSource{SecretRef: named("db")}}), true},
		"the credentials of ScaleIO":      {volumes(corev1.VolumeSource{ScaleIO: &corev1.ScaleIOVolumeSource{SecretRef: named("db")}}), true},
		"the credentials of StorageOS":    {volumes(corev1.VolumeSource{StorageOS: &corev1.StorageOSVolumeSource{SecretRef: named("db")}}), true},

		"no Secret at all":                     {corev1.PodSpec{}, false},
		"another Secret as a variable":         {container(corev1.Container{Env: []corev1.EnvVar{keyOf("db2")}}), false},
		"another Secret as variables":          {container(corev1.Container{EnvFrom: []corev1.EnvFromSource{allOf("d")}}), false},
		"another Secret as a volume":           {volumes(corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "db-tls"}}), false},
		"another Secret in a projected volume": {projected(corev1.VolumeProjection{Secret: &corev1.SecretProjection{LocalObjectReference: *named("x")}}), false},
		"another registry":                     {corev1.PodSpec{ImagePullSecrets: []corev1.LocalObjectReference{*named("DB")}}, false},
		"a CSI driver without credentials":     {volumes(corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{Driver: "db"}}), false},
		"a ConfigMap of that name": {corev1.PodSpec{
			Containers: []corev1.Container{{EnvFrom: []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: *named("db")}}},
				Env: []corev1.EnvVar{{Name: "db", Value: "db"}, {ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: *named("db")}}}}}},
			Volumes: []corev1.Volume{{Name: "db", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: *named("db")}}}},
		}, false},
		"a ServiceAccount, a claim and a container of that name": {corev1.PodSpec{ServiceAccountName: "db", Containers: []corev1.Container{{Name: "db"}},
			Volumes: []corev1.Volume{{Name: "db", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "db"}}}}}, false},
	} {
		if got := Uses(&test.pod, "db"); len(got) > 0 != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestUsesByContainer: each place has its container and its name, and files by subPath differ from others.
func TestUsesByContainer(t *testing.T) {
	secret := corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "db"}}
	pod := corev1.PodSpec{
		InitContainers: []corev1.Container{{Name: "migrate", EnvFrom: []corev1.EnvFromSource{allOf("db")}}},
		Containers: []corev1.Container{
			{Name: "app", Env: []corev1.EnvVar{keyOf("db")}, VolumeMounts: []corev1.VolumeMount{
				{Name: "files", MountPath: "/etc/db"}, {Name: "files", MountPath: "/etc/db.conf", SubPath: "conf"}, {Name: "other", MountPath: "/tmp"}}},
			{Name: "sidecar", VolumeMounts: []corev1.VolumeMount{{Name: "files", MountPath: "/run/db", SubPathExpr: "$(POD)"}}},
		},
		Volumes:          []corev1.Volume{{Name: "files", VolumeSource: secret}, {Name: "idle", VolumeSource: secret}, {Name: "other"}},
		ImagePullSecrets: []corev1.LocalObjectReference{*named("db")},
	}
	got := Uses(&pod, "db")
	for _, want := range []Use{
		{UseEnvFrom, "migrate", ""}, {UseEnv, "app", "PASSWORD"}, {UseVolume, "app", "/etc/db"}, {UseSubPath, "app", "/etc/db.conf"},
		{UseSubPath, "sidecar", "/run/db"}, {UseVolume, "", ""}, {UseImagePull, "", ""},
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%+v is missing in %+v", want, got)
		}
	}
	if len(got) != 7 {
		t.Errorf("%d uses, want 7: %+v", len(got), got)
	}
}

func TestConcerned(t *testing.T) {
	for name, test := range map[string]struct {
		ignored, keys, want []string
	}{
		"nothing is ignored":          {nil, []string{"a", "b"}, []string{"a", "b"}},
		"a name":                      {[]string{"a"}, []string{"a", "ab"}, []string{"ab"}},
		"a beginning":                 {[]string{"tls.*"}, []string{"tls.crt", "tls.", "tls", "a.tls.crt"}, []string{"tls", "a.tls.crt"}},
		"an end":                      {[]string{"*_previous"}, []string{"a_previous", "_previous", "a_previous_"}, []string{"a_previous_"}},
		"a middle":                    {[]string{"*MID*"}, []string{"MID", "aMIDb", "mid"}, []string{"mid"}},
		"several parts, in order":     {[]string{"a*b*c"}, []string{"abc", "a-b-c", "acb", "ab", "a-b-b-c"}, []string{"acb", "ab"}},
		"parts that do not overlap":   {[]string{"ab*ba"}, []string{"aba", "abba"}, []string{"aba"}},
		"everything":                  {[]string{"*"}, []string{"a", "b"}, []string{}},
		"what is special elsewhere":   {[]string{"a.c", "[a]"}, []string{"abc", "a"}, []string{"abc", "a"}},
		"more patterns than one":      {[]string{"a", "b*"}, []string{"a", "b1", "c"}, []string{"c"}},
		"nothing has changed at all":  {[]string{"a"}, nil, nil},
		"stars that follow one other": {[]string{"a**"}, []string{"a", "ab", "b"}, []string{"b"}},
	} {
		if got := RelevantKeys(test.keys, test.ignored); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}
