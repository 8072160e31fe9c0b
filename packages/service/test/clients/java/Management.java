import com.azure.core.http.rest.PagedIterable;
import com.azure.core.management.AzureEnvironment;
import com.azure.core.management.profile.AzureProfile;
import com.azure.core.util.polling.SyncPoller;
import com.azure.identity.ClientSecretCredentialBuilder;
import com.azure.resourcemanager.batch.BatchManager;
import com.azure.resourcemanager.batch.fluent.*;
import com.azure.resourcemanager.batch.fluent.models.*;
import com.azure.resourcemanager.batch.models.*;
import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** Calls the management plane with com.azure.resourcemanager:azure-resourcemanager-batch. */
public final class Management {
    private static final Recorder recorder = new Recorder();
    private static final String group = environment("RESOURCE_GROUP");
    private static final String account = "java" + ProcessHandle.current().pid();
    private static final String location = "westeurope";

    public static void main(String[] arguments) {
        String endpoint = environment("MANAGEMENT_URL");
        // What it asks a token for is the endpoint of the management plane.
        AzureEnvironment cloud = new AzureEnvironment(Map.of("resourceManagerEndpointUrl", endpoint,
            "activeDirectoryEndpointUrl", endpoint + "/", "managementEndpointUrl", endpoint + "/"));
        BatchManagementClient client = BatchManager.authenticate(
            new ClientSecretCredentialBuilder().authorityHost(endpoint).disableInstanceDiscovery()
                .tenantId(environment("AZURE_TENANT_ID")).clientId(environment("AZURE_CLIENT_ID"))
                .clientSecret(environment("AZURE_CLIENT_SECRET")).build(),
            new AzureProfile(environment("AZURE_TENANT_ID"), environment("SUBSCRIPTION_ID"), cloud)).serviceClient();
        watch("account", client.getBatchAccounts(), BatchAccountsClient.class);
        watch("application", client.getApplications(), ApplicationsClient.class);
        watch("package", client.getApplicationPackages(), ApplicationPackagesClient.class);
        watch("location", client.getLocations(), LocationsClient.class);
        watch("operations", client.getOperations(), OperationsClient.class);
        watch("certificate", client.getCertificates(), CertificatesClient.class);
        watch("link", client.getPrivateLinkResources(), PrivateLinkResourcesClient.class);
        watch("connection", client.getPrivateEndpointConnections(), PrivateEndpointConnectionsClient.class);
        watch("pool", client.getPools(), PoolsClient.class);
        recorder.section(Management::accounts);
        recorder.section(Management::locations);
        recorder.section(Management::applications);
        recorder.section(Management::certificates);
        recorder.section(Management::pools);
        recorder.section(Management::networks);
        recorder.section(Management::end);
        recorder.report();
        System.exit(0);
    }

    private static String environment(String name) {
        return System.getenv(name);
    }

    /** Each operation has a form that gives the whole response, too, and does the same. */
    private static void watch(String name, Object operations, Class<?> type) {
        recorder.watch(name, operations, type, operation -> !operation.endsWith("WithResponse"));
    }

    private static <T> T call(String operation, Object... arguments) throws Exception {
        return recorder.call(operation, arguments);
    }

    private static <T> List<T> all(String operation, Object... arguments) throws Exception {
        PagedIterable<T> pages = call(operation, arguments);
        return pages.stream().toList();
    }

    private static void finished(String operation, Object... arguments) throws Exception {
        SyncPoller<?, ?> poller = call(operation, arguments);
        poller.getFinalResult();
    }

    private static void accounts() throws Exception {
        BatchAccountCreateParameters create = new BatchAccountCreateParameters().withLocation(location)
            .withAutoStorage(new AutoStorageBaseProperties().withStorageAccountId("/subscriptions/"
                + environment("SUBSCRIPTION_ID") + "/resourceGroups/" + group
                + "/providers/Microsoft.Storage/storageAccounts/" + environment("STORAGE_ACCOUNT")));
        BatchAccountInner created = call("account.create", group, account, create);
        Recorder.check(created.name().equals(account), created.name());
        finished("account.beginCreate", group, account, create);
        BatchAccountInner found = call("account.getByResourceGroup", group, account);
        Recorder.check(found.accountEndpoint() != null, found);
        BatchAccountInner tagged = call("account.update", group, account,
            new BatchAccountUpdateParameters().withTags(Map.of("a", "b")));
        Recorder.check(tagged.tags().get("a").equals("b"), tagged.tags());
        List<BatchAccountInner> every = all("account.list");
        Recorder.check(every.stream().anyMatch(each -> each.name().equals(account)), every.size());
        List<BatchAccountInner> ofGroup = all("account.listByResourceGroup", group);
        Recorder.check(ofGroup.stream().anyMatch(each -> each.name().equals(account)), ofGroup.size());
        BatchAccountKeysInner keys = call("account.getKeys", group, account);
        BatchAccountKeysInner newer = call("account.regenerateKey", group, account,
            new BatchAccountRegenerateKeyParameters().withKeyName(AccountKeyType.PRIMARY));
        Recorder.check(!keys.primary().equals(newer.primary()), "the key is the same");
        call("account.synchronizeAutoStorageKeys", group, account);
        Recorder.check(all("account.listDetectors", group, account).isEmpty(), "there are detectors");
        recorder.refused("ResourceNotFound", "account.getDetector", group, account, "none");
        Recorder.check(!all("account.listOutboundNetworkDependenciesEndpoints", group, account).isEmpty(), "no endpoints");
    }

    private static void locations() throws Exception {
        BatchLocationQuotaInner quotas = call("location.getQuotas", location);
        Recorder.check(quotas.accountQuota() > 0, quotas.accountQuota());
        CheckNameAvailabilityResultInner taken = call("location.checkNameAvailability", location,
            new CheckNameAvailabilityParameters().withName(account));
        Recorder.check(!taken.nameAvailable(), taken.nameAvailable());
        Recorder.check(!all("location.listSupportedVirtualMachineSkus", location).isEmpty(), "no sizes");
        Recorder.check(all("location.listSupportedCloudServiceSkus", location).isEmpty(), "sizes of cloud services");
        Recorder.check(!all("operations.list").isEmpty(), "no operations");
    }

    private static void applications() throws Exception {
        call("application.create", group, account, "tool");
        Recorder.check(all("application.list", group, account).size() == 1, "not one application");
        ApplicationPackageInner created = call("package.create", group, account, "tool", "1.0");
        upload(created.storageUrl());
        call("package.activate", group, account, "tool", "1.0", new ActivateApplicationPackageParameters().withFormat("zip"));
        ApplicationPackageInner found = call("package.get", group, account, "tool", "1.0");
        Recorder.check(found.state() == PackageState.ACTIVE, found.state());
        Recorder.check(all("package.list", group, account, "tool").size() == 1, "not one package");
        call("application.update", group, account, "tool", new ApplicationInner().withDefaultVersion("1.0"));
        ApplicationInner tool = call("application.get", group, account, "tool");
        Recorder.check(tool.defaultVersion().equals("1.0"), tool.defaultVersion());
        call("application.update", group, account, "tool", new ApplicationInner().withDefaultVersion(""));
        call("package.delete", group, account, "tool", "1.0");
        call("application.delete", group, account, "tool");
    }

    private static void upload(String url) throws Exception {
        ByteArrayOutputStream content = new ByteArrayOutputStream();
        try (ZipOutputStream archive = new ZipOutputStream(content)) {
            archive.putNextEntry(new ZipEntry("file"));
        }
        HttpRequest put = HttpRequest.newBuilder(URI.create(url)).header("x-ms-blob-type", "BlockBlob")
            .PUT(HttpRequest.BodyPublishers.ofByteArray(content.toByteArray())).build();
        HttpResponse<String> answer = HttpClient.newHttpClient().send(put, HttpResponse.BodyHandlers.ofString());
        Recorder.check(answer.statusCode() == 201, answer.body());
    }

    private static void certificates() throws Exception {
        String thumbprint = environment("CERTIFICATE_THUMBPRINT");
        String name = "sha1-" + thumbprint;
        CertificateCreateOrUpdateParameters certificate = new CertificateCreateOrUpdateParameters()
            .withThumbprintAlgorithm("sha1").withThumbprint(thumbprint).withFormat(CertificateFormat.CER)
            .withData(environment("CERTIFICATE"));
        call("certificate.create", group, account, name, certificate);
        call("certificate.update", group, account, name, certificate);
        CertificateInner found = call("certificate.get", group, account, name);
        Recorder.check(found.format() == CertificateFormat.CER, found.format());
        Recorder.check(all("certificate.listByBatchAccount", group, account).size() == 1, "not one certificate");
        recorder.refused("CertificateStateActive", "certificate.cancelDeletion", group, account, name);
        finished("certificate.beginDelete", group, account, name);
        call("certificate.create", group, account, name, certificate);
        call("certificate.delete", group, account, name);
    }

    private static ScaleSettings fixed(int nodes) {
        return new ScaleSettings().withFixedScale(new FixedScaleSettings().withTargetDedicatedNodes(nodes));
    }

    private static void pools() throws Exception {
        ImageReference image = new ImageReference().withPublisher("canonical")
            .withOffer("0001-com-ubuntu-server-jammy").withSku("22_04-lts");
        PoolInner pool = new PoolInner().withVmSize("standard_d2s_v3")
            .withDeploymentConfiguration(new DeploymentConfiguration().withVirtualMachineConfiguration(
                new VirtualMachineConfiguration().withImageReference(image).withNodeAgentSkuId("batch.node.ubuntu 22.04")))
            .withScaleSettings(new ScaleSettings().withAutoScale(
                new AutoScaleSettings().withFormula("$TargetDedicatedNodes=0;")));
        PoolInner created = call("pool.create", group, account, "pool", pool);
        Recorder.check(created.name().equals("pool"), created.name());
        Recorder.check(all("pool.listByBatchAccount", group, account).size() == 1, "not one pool");
        Recorder.until(() -> Management.<PoolInner>call("pool.get", group, account, "pool"),
            found -> found.allocationState() == AllocationState.STEADY);
        call("pool.disableAutoScale", group, account, "pool");
        PoolInner updated = call("pool.update", group, account, "pool", new PoolInner().withScaleSettings(fixed(40)));
        Recorder.check(updated.scaleSettings().fixedScale().targetDedicatedNodes() == 40, updated.scaleSettings());
        call("pool.stopResize", group, account, "pool");
        finished("pool.beginDelete", group, account, "pool");
        call("pool.create", group, account, "other", pool);
        call("pool.delete", group, account, "other");
    }

    private static void networks() throws Exception {
        Recorder.check(all("link.listByBatchAccount", group, account).isEmpty(), "there are links");
        recorder.refused("ResourceNotFound", "link.get", group, account, "none");
        Recorder.check(all("connection.listByBatchAccount", group, account).isEmpty(), "there are connections");
        recorder.refused("ResourceNotFound", "connection.get", group, account, "none");
        PrivateEndpointConnectionInner approved = new PrivateEndpointConnectionInner().withPrivateLinkServiceConnectionState(
            new PrivateLinkServiceConnectionState().withStatus(PrivateLinkServiceConnectionStatus.APPROVED));
        recorder.refused("ResourceNotFound", "connection.beginUpdate", group, account, "none", approved);
        recorder.refused("ResourceNotFound", "connection.update", group, account, "none", approved);
        finished("connection.beginDelete", group, account, "none");
        call("connection.delete", group, account, "none");
    }

    private static void end() throws Exception {
        call("account.delete", group, account);
        finished("account.beginDelete", group, account);
    }
}
