#include "tests/bench/pods_list.h"

namespace tierwall::bench {

namespace {

// $N: the number; $S: of its namespace; $A: of its application; $I: the last three bytes of its address.
constexpr std::string_view kMetadata =
    R"({"metadata":{"name":"checkout-$A-7d9c6b5f4d-$N","generateName":"checkout-$A-7d9c6b5f4d-","namespace":"team-$S",)"
    R"("uid":"3f0c2f5e-7c1b-4c0b-9f0a-$N","resourceVersion":"7$N","creationTimestamp":"2024-05-02T09:14:31Z",)"
    R"("labels":{"app.kubernetes.io/name":"checkout-$A","app.kubernetes.io/instance":"checkout","app.kubernetes.io/part-of":"shop",)"
    R"("pod-template-hash":"7d9c6b5f4d","topology.kubernetes.io/zone":"eu-central-1b","tier":"back"},)"
    R"("annotations":{"checksum/config":"5b2f0c86d2f3f1f0e0f86a4b5c1f0a3e5b2f0c86d2f3f1f0e0f86a4b5c1f0a3e",)"
    R"("prometheus.io/scrape":"true","prometheus.io/port":"9102","prometheus.io/path":"/metrics",)"
    R"("cni.projectcalico.org/podIP":"10.$I/32","cni.projectcalico.org/podIPs":"10.$I/32",)"
    R"("kubectl.kubernetes.io/restartedAt":"2024-05-01T18:00:02+02:00",)"
    R"("sidecar.example.com/status":"{\"initContainers\":[\"init\"],\"containers\":[\"proxy\"],\"volumes\":[\"env\",\"data\"],\"revision\":\"default\"}"},)"
    R"("ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"checkout-$A-7d9c6b5f4d","uid":"f2d9b1a0-1111-4222-8333-444455556666",)"
    R"("controller":true,"blockOwnerDeletion":true}],)";
constexpr std::string_view kManagedFields =
    R"("managedFields":[{"manager":"kube-controller-manager","operation":"Update","apiVersion":"v1","time":"2024-05-02T09:14:31Z",)"
    R"("fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:annotations":{".":{},"f:checksum/config":{},"f:prometheus.io/path":{},)"
    R"("f:prometheus.io/port":{},"f:prometheus.io/scrape":{},"f:kubectl.kubernetes.io/restartedAt":{}},"f:generateName":{},"f:labels":{".":{},)"
    R"("f:app.kubernetes.io/instance":{},"f:app.kubernetes.io/name":{},"f:app.kubernetes.io/part-of":{},"f:pod-template-hash":{},"f:tier":{}},)"
    R"("f:ownerReferences":{".":{},"k:{\"uid\":\"f2d9b1a0-1111-4222-8333-444455556666\"}":{}}},)"
    R"("f:spec":{"f:containers":{"k:{\"name\":\"main\"}":{".":{},"f:args":{},"f:env":{".":{},"k:{\"name\":\"DATABASE_URL\"}":{".":{},"f:name":{},"f:value":{}},)"
    R"("k:{\"name\":\"POD_IP\"}":{".":{},"f:name":{},"f:valueFrom":{".":{},"f:fieldRef":{}}}},"f:image":{},"f:imagePullPolicy":{},)"
    R"("f:livenessProbe":{".":{},"f:failureThreshold":{},"f:httpGet":{".":{},"f:path":{},"f:port":{},"f:scheme":{}},"f:periodSeconds":{},"f:successThreshold":{},"f:timeoutSeconds":{}},)"
    R"("f:name":{},"f:ports":{".":{},"k:{\"containerPort\":8080,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{},"f:name":{},"f:protocol":{}}},)"
    R"("f:resources":{".":{},"f:limits":{".":{},"f:memory":{}},"f:requests":{".":{},"f:cpu":{},"f:memory":{}}},"f:terminationMessagePath":{},"f:terminationMessagePolicy":{},)"
    R"("f:volumeMounts":{".":{},"k:{\"mountPath\":\"/etc/config\"}":{".":{},"f:mountPath":{},"f:name":{}}}}},"f:dnsPolicy":{},"f:enableServiceLinks":{},"f:restartPolicy":{},)"
    R"("f:schedulerName":{},"f:securityContext":{},"f:serviceAccount":{},"f:serviceAccountName":{},"f:terminationGracePeriodSeconds":{},"f:volumes":{".":{},)"
    R"("k:{\"name\":\"config\"}":{".":{},"f:configMap":{".":{},"f:defaultMode":{},"f:name":{}},"f:name":{}}}}}},)"
    R"({"manager":"kubelet","operation":"Update","apiVersion":"v1","time":"2024-05-02T09:14:58Z","fieldsType":"FieldsV1","fieldsV1":{"f:status":{"f:conditions":)"
    R"({"k:{\"type\":\"ContainersReady\"}":{".":{},"f:lastProbeTime":{},"f:lastTransitionTime":{},"f:status":{},"f:type":{}},)"
    R"("k:{\"type\":\"Initialized\"}":{".":{},"f:lastProbeTime":{},"f:lastTransitionTime":{},"f:status":{},"f:type":{}},)"
    R"("k:{\"type\":\"Ready\"}":{".":{},"f:lastProbeTime":{},"f:lastTransitionTime":{},"f:status":{},"f:type":{}}},)"
    R"("f:containerStatuses":{},"f:hostIP":{},"f:hostIPs":{},"f:phase":{},"f:podIP":{},"f:podIPs":{".":{},"k:{\"ip\":\"10.$I\"}":{".":{},"f:ip":{}}},"f:startTime":{}}},)"
    R"("subresource":"status"}]},)";
constexpr std::string_view kSpec =
    R"("spec":{"volumes":[{"name":"config","configMap":{"name":"checkout-config","defaultMode":420}},)"
    R"({"name":"kube-api-access-x7k2p","projected":{"sources":[{"serviceAccountToken":{"expirationSeconds":3607,"path":"token"}},)"
    R"({"configMap":{"name":"kube-root-ca.crt","items":[{"key":"ca.crt","path":"ca.crt"}]}},)"
    R"({"downwardAPI":{"items":[{"path":"namespace","fieldRef":{"apiVersion":"v1","fieldPath":"metadata.namespace"}}]}}],"defaultMode":420}}],)"
    R"("initContainers":[{"name":"migrate","image":"registry.example.com/shop/migrate:1.4.2","command":["/bin/sh","-c","exec /migrate --wait \"$DATABASE_URL\""],)"
    R"("resources":{},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File","imagePullPolicy":"IfNotPresent"}],)"
    R"("containers":[{"name":"main","image":"registry.example.com/shop/checkout:2024.5.2-rc.3@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",)"
    R"("args":["--listen=:8080","--metrics=:9102","--log=json"],"ports":[{"name":"http","containerPort":8080,"protocol":"TCP"},{"name":"metrics","containerPort":9102,"protocol":"TCP"}],)"
    R"("env":[{"name":"DATABASE_URL","value":"postgres://checkout@db.team-$S.svc:5432/checkout?sslmode=verify-full"},)"
    R"({"name":"POD_IP","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"status.podIP"}}},{"name":"FEATURES","value":"{\"coupons\":true,\"gift_cards\":[1,2,3]}"}],)"
    R"("resources":{"limits":{"memory":"512Mi"},"requests":{"cpu":"100m","memory":"256Mi"}},)"
    R"("volumeMounts":[{"name":"config","mountPath":"/etc/config"},{"name":"kube-api-access-x7k2p","readOnly":true,"mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}],)"
    R"("livenessProbe":{"httpGet":{"path":"/healthz","port":"http","scheme":"HTTP"},"timeoutSeconds":1,"periodSeconds":10,"successThreshold":1,"failureThreshold":3},)"
    R"("terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File","imagePullPolicy":"IfNotPresent",)"
    R"("securityContext":{"capabilities":{"drop":["ALL"]},"runAsNonRoot":true,"readOnlyRootFilesystem":true,"allowPrivilegeEscalation":false}}],)"
    R"("restartPolicy":"Always","terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","serviceAccountName":"checkout","serviceAccount":"checkout",)"
    R"("nodeName":"node-$S","securityContext":{},"schedulerName":"default-scheduler","tolerations":[)"
    R"({"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300},)"
    R"({"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}],"priority":0,"enableServiceLinks":true,)"
    R"("preemptionPolicy":"PreemptLowerPriority"},)";
constexpr std::string_view kStatus =
    R"("status":{"phase":"Running","conditions":[)"
    R"({"type":"Initialized","status":"True","lastProbeTime":null,"lastTransitionTime":"2024-05-02T09:14:40Z"},)"
    R"({"type":"Ready","status":"True","lastProbeTime":null,"lastTransitionTime":"2024-05-02T09:14:58Z"},)"
    R"({"type":"ContainersReady","status":"True","lastProbeTime":null,"lastTransitionTime":"2024-05-02T09:14:58Z"},)"
    R"({"type":"PodScheduled","status":"True","lastProbeTime":null,"lastTransitionTime":"2024-05-02T09:14:31Z"}],)"
    R"("hostIP":"192.0.2.17","hostIPs":[{"ip":"192.0.2.17"}],"podIP":"10.$I","podIPs":[{"ip":"10.$I"}],"startTime":"2024-05-02T09:14:31Z",)"
    R"("initContainerStatuses":[{"name":"migrate","state":{"terminated":{"exitCode":0,"reason":"Completed","startedAt":"2024-05-02T09:14:36Z","finishedAt":"2024-05-02T09:14:39Z",)"
    R"("containerID":"containerd://aaaabbbbccccddddeeeeffff0000111122223333444455556666777788889999"}},"lastState":{},"ready":true,"restartCount":0,)"
    R"("image":"registry.example.com/shop/migrate:1.4.2","imageID":"registry.example.com/shop/migrate@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",)"
    R"("containerID":"containerd://aaaabbbbccccddddeeeeffff0000111122223333444455556666777788889999"}],)"
    R"("containerStatuses":[{"name":"main","state":{"running":{"startedAt":"2024-05-02T09:14:41Z"}},"lastState":{},"ready":true,"restartCount":0,)"
    R"("image":"registry.example.com/shop/checkout:2024.5.2-rc.3","imageID":"registry.example.com/shop/checkout@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",)"
    R"("containerID":"containerd://0000111122223333444455556666777788889999aaaabbbbccccddddeeeeffff","started":true}],"qosClass":"Burstable"}})";

constexpr std::size_t kPodsOfNamespace = 250;

std::string filled(std::size_t number, std::string_view pattern) {
  std::string text;
  std::size_t at = 0;
  for (std::size_t mark = pattern.find('$'); mark != std::string_view::npos; mark = pattern.find('$', mark + 1)) {
    const char what = mark + 1 < pattern.size() ? pattern[mark + 1] : '\0';
    const std::string_view known = "NSAI";
    if (known.find(what) == std::string_view::npos) continue;
    text.append(pattern.substr(at, mark - at));
    at = mark + 2;
    if (what == 'N') text += std::to_string(100'000 + number);
    if (what == 'S') text += std::to_string(10'000 + number / kPodsOfNamespace);  // sorted, as the server sends it
    if (what == 'A') text += std::to_string(number % 200);
    if (what == 'I') {
      text += std::to_string(number >> 16 & 255) + "." + std::to_string(number >> 8 & 255) + "." +
              std::to_string(number & 255);
    }
  }
  text.append(pattern.substr(at));
  return text;
}

}  // namespace

std::string pod_text(std::size_t number) {
  std::string text;
  for (const std::string_view part : {kMetadata, kManagedFields, kSpec, kStatus}) text += filled(number, part);
  return text;
}

std::string pods_list(std::size_t bytes) {
  std::string text = R"({"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"999999999"},"items":[)";
  text.reserve(bytes + 16'384);
  for (std::size_t number = 0; text.size() < bytes; ++number) {
    if (number > 0) text += ',';
    text += pod_text(number);
  }
  return text + "]}\n";
}

std::string pods_stream(std::size_t bytes) {
  std::string text;
  text.reserve(bytes + 16'384);
  for (std::size_t number = 0; text.size() < bytes; ++number) {
    // Frames hold whole objects: with their type.
    text += R"({"type":"ADDED","object":{"kind":"Pod","apiVersion":"v1",)" + pod_text(number).substr(1) + "}\n";
  }
  return text + R"({"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":)"
                R"("999999999","annotations":{"k8s.io/initial-events-end":"true"}}}})"
                "\n";
}

}  // namespace tierwall::bench
