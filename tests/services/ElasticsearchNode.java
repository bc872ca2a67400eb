import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.Node;
import org.elasticsearch.transport.Netty4Plugin;

/**
 * One node of Elasticsearch without the modules for data streams: arguments are its HTTP port, its transport port, its folder
 * and the largest body it takes.
 */
public class ElasticsearchNode extends Node {
    ElasticsearchNode(Environment environment) {
        super(environment, List.of(Netty4Plugin.class), false);
    }

    public static void main(String[] arguments) throws Exception {
        Path home = Path.of(arguments[2]);
        Files.createDirectories(home.resolve("config"));
        Settings settings = Settings.builder()
            .put("path.home", home)
            .put("path.data", home.resolve("data"))
            .put("http.port", arguments[0])
            .put("http.host", "127.0.0.1")
            .put("transport.port", arguments[1])
            .put("transport.host", "127.0.0.1")
            .put("http.type", "netty4")
            .put("transport.type", "netty4")
            .put("discovery.type", "single-node")
            .put("http.max_content_length", arguments[3])
            .put("cluster.name", "turnbuckle")
            .put("node.name", "node")
            .put("cluster.routing.allocation.disk.threshold_enabled", false)
            .build();
        Node node = new ElasticsearchNode(new Environment(settings, home.resolve("config"))).start();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.close();
            } catch (Exception e) {
                e.printStackTrace();
            }
        }));
        Thread.currentThread().join();
    }
}
