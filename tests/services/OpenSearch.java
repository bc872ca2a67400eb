import org.codelibs.opensearch.runner.OpenSearchRunner;

/** One node of OpenSearch: arguments are its HTTP port, its transport port, its folder and the largest body it takes. */
public class OpenSearch {
    public static void main(String[] arguments) throws Exception {
        String port = arguments[0];
        String transport = arguments[1];
        OpenSearchRunner runner = new OpenSearchRunner();
        runner.onBuild((number, settings) -> {
            settings.put("http.port", port);
            settings.put("http.host", "127.0.0.1");
            settings.put("transport.port", transport);
            settings.put("transport.host", "127.0.0.1");
            settings.put("discovery.type", "single-node");
            settings.put("cluster.routing.allocation.disk.threshold_enabled", false);
            settings.put("http.max_content_length", arguments[3]);
        });
        runner.build(OpenSearchRunner.newConfigs().clusterName("turnbuckle-" + port).numOfNode(1).basePath(arguments[2])
            .useLogger());
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                runner.close();
            } catch (Exception e) {
                e.printStackTrace();
            }
        }));
        Thread.currentThread().join();
    }
}
