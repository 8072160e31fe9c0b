// Calls the management plane with armbatch, the newer of Azure's clients for Go.
package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/batch/armbatch"

	"kyanite.test/clients/recorder"
)

var (
	endpoint     = os.Getenv("MANAGEMENT_URL")
	subscription = os.Getenv("SUBSCRIPTION_ID")
	group        = os.Getenv("RESOURCE_GROUP")
	account      = fmt.Sprintf("armbatch%d", os.Getpid())
)

func main() {
	options := azcore.ClientOptions{Cloud: cloud.Configuration{
		ActiveDirectoryAuthorityHost: endpoint,
		Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
			cloud.ResourceManager: {Audience: "https://management.azure.com", Endpoint: endpoint},
		},
	}}
	credential, err := azidentity.NewClientSecretCredential(
		os.Getenv("AZURE_TENANT_ID"), os.Getenv("AZURE_CLIENT_ID"), os.Getenv("AZURE_CLIENT_SECRET"),
		&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	r := recorder.New(groups(credential, &arm.ClientOptions{ClientOptions: options}))
	for _, section := range []func(*recorder.Recorder){accounts, locations, applications, certificates, pools, networks, end} {
		r.Section(func() { section(r) })
	}
	r.Report()
}

func groups(credential azcore.TokenCredential, options *arm.ClientOptions) map[string]any {
	accounts, _ := armbatch.NewAccountClient(subscription, credential, options)
	applications, _ := armbatch.NewApplicationClient(subscription, credential, options)
	packages, _ := armbatch.NewApplicationPackageClient(subscription, credential, options)
	certificates, _ := armbatch.NewCertificateClient(subscription, credential, options)
	locations, _ := armbatch.NewLocationClient(subscription, credential, options)
	operations, _ := armbatch.NewOperationsClient(credential, options)
	pools, _ := armbatch.NewPoolClient(subscription, credential, options)
	connections, _ := armbatch.NewPrivateEndpointConnectionClient(subscription, credential, options)
	links, _ := armbatch.NewPrivateLinkResourceClient(subscription, credential, options)
	return map[string]any{
		"account": accounts, "application": applications, "package": packages, "certificate": certificates,
		"location": locations, "operations": operations, "pool": pools, "connection": connections, "link": links,
	}
}

func accounts(r *recorder.Recorder) {
	storage := "/subscriptions/" + subscription + "/resourceGroups/" + group + "/providers/Microsoft.Storage/storageAccounts/" +
		os.Getenv("STORAGE_ACCOUNT")
	r.Must("account.BeginCreate", group, account, recorder.From[armbatch.AccountCreateParameters](
		`{"location": "westeurope", "properties": {"autoStorage": {"storageAccountId": "`+storage+`"}}}`))
	r.Must("account.Get", group, account)
	r.Must("account.Update", group, account, recorder.From[armbatch.AccountUpdateParameters](`{"tags": {"a": "b"}}`))
	r.Must("account.GetKeys", group, account)
	r.Must("account.RegenerateKey", group, account, recorder.From[armbatch.AccountRegenerateKeyParameters](`{"keyName": "Primary"}`))
	r.Must("account.SynchronizeAutoStorageKeys", group, account)
	r.Must("account.NewListPager")
	r.Must("account.NewListByResourceGroupPager", group)
	r.Must("account.NewListDetectorsPager", group, account)
	r.Must("account.NewListOutboundNetworkDependenciesEndpointsPager", group, account)
	r.Refused("ResourceNotFound", "account.GetDetector", group, account, "none")
}

func locations(r *recorder.Recorder) {
	r.Must("location.GetQuotas", "westeurope")
	r.Must("location.CheckNameAvailability", "westeurope", recorder.From[armbatch.CheckNameAvailabilityParameters](
		`{"name": "`+account+`", "type": "Microsoft.Batch/batchAccounts"}`))
	r.Must("location.NewListSupportedVirtualMachineSKUsPager", "westeurope")
	r.Must("location.NewListSupportedCloudServiceSKUsPager", "westeurope")
	r.Must("operations.NewListPager")
}

func applications(r *recorder.Recorder) {
	r.Must("application.Create", group, account, "tool")
	r.Must("application.Get", group, account, "tool")
	r.Must("application.NewListPager", group, account)
	r.Must("application.Update", group, account, "tool", recorder.From[armbatch.Application](`{"properties": {"displayName": "a tool"}}`))
	created := r.Must("package.Create", group, account, "tool", "1.0").(armbatch.ApplicationPackageClientCreateResponse)
	upload(*created.Properties.StorageURL)
	r.Must("package.Activate", group, account, "tool", "1.0", recorder.From[armbatch.ActivateApplicationPackageParameters](`{"format": "zip"}`))
	r.Must("package.Get", group, account, "tool", "1.0")
	r.Must("package.NewListPager", group, account, "tool")
	r.Must("package.Delete", group, account, "tool", "1.0")
	r.Must("application.Delete", group, account, "tool")
}

// upload puts an archive without entries.
func upload(url string) {
	request, err := http.NewRequest(http.MethodPut, url, strings.NewReader("PK\x05\x06"+strings.Repeat("\x00", 18)))
	if err != nil {
		panic(err)
	}
	request.Header.Set("x-ms-blob-type", "BlockBlob")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	answer.Body.Close()
}

func certificates(r *recorder.Recorder) {
	thumbprint := os.Getenv("CERTIFICATE_THUMBPRINT")
	name := "sha1-" + thumbprint
	input := recorder.From[armbatch.CertificateCreateOrUpdateParameters](`{"properties": {"format": "Cer", "thumbprintAlgorithm": "sha1",
		"thumbprint": "` + thumbprint + `", "data": "` + os.Getenv("CERTIFICATE") + `"}}`)
	r.Must("certificate.Create", group, account, name, input)
	r.Must("certificate.Get", group, account, name)
	r.Must("certificate.Update", group, account, name, input)
	r.Must("certificate.NewListByBatchAccountPager", group, account)
	r.Refused("CertificateStateActive", "certificate.CancelDeletion", group, account, name)
	r.Must("certificate.BeginDelete", group, account, name)
}

func pools(r *recorder.Recorder) {
	r.Must("pool.Create", group, account, "pool", recorder.From[armbatch.Pool](`{"properties": {"vmSize": "standard_d2s_v3",
		"deploymentConfiguration": {"virtualMachineConfiguration": {"nodeAgentSkuId": "batch.node.ubuntu 22.04",
			"imageReference": {"publisher": "canonical", "offer": "0001-com-ubuntu-server-jammy", "sku": "22_04-lts"}}},
		"scaleSettings": {"autoScale": {"formula": "$TargetDedicatedNodes=0;"}}}}`))
	r.Until("Steady", func() any { return r.Must("pool.Get", group, account, "pool") })
	r.Must("pool.Update", group, account, "pool", recorder.From[armbatch.Pool](`{"properties": {"metadata": [{"name": "a", "value": "b"}]}}`))
	r.Must("pool.NewListByBatchAccountPager", group, account)
	r.Must("pool.DisableAutoScale", group, account, "pool")
	r.Must("pool.Update", group, account, "pool", recorder.From[armbatch.Pool](
		`{"properties": {"scaleSettings": {"fixedScale": {"targetDedicatedNodes": 40}}}}`))
	r.Must("pool.StopResize", group, account, "pool")
	r.Must("pool.BeginDelete", group, account, "pool")
}

func networks(r *recorder.Recorder) {
	r.Must("link.NewListByBatchAccountPager", group, account)
	r.Refused("ResourceNotFound", "link.Get", group, account, "none")
	r.Must("connection.NewListByBatchAccountPager", group, account)
	r.Refused("ResourceNotFound", "connection.Get", group, account, "none")
	r.Refused("ResourceNotFound", "connection.BeginUpdate", group, account, "none", recorder.From[armbatch.PrivateEndpointConnection](
		`{"properties": {"privateLinkServiceConnectionState": {"status": "Approved"}}}`))
	r.Must("connection.BeginDelete", group, account, "none")
}

func end(r *recorder.Recorder) {
	r.Must("account.BeginDelete", group, account)
}
