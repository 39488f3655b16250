import java.io.IOException;
import javax.servlet.http.HttpServlet;
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpServletResponse;
import org.eclipse.jetty.http.HttpCompliance;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.servlet.ServletContextHandler;
import org.eclipse.jetty.servlet.ServletHolder;
import org.springframework.web.util.UrlPathHelper;

/**
 * Jetty with a servlet per route, and the path that Spring would find one for. Arguments: a port that refuses ambiguous
 * paths, and one that accepts them.
 */
public class JettyServer {
    static class Route extends HttpServlet {
        private final String name;
        private final UrlPathHelper spring = new UrlPathHelper();

        Route(String name) {
            this.name = name;
            spring.setAlwaysUseFullPath(true);
        }

        @Override
        protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
            String path = spring.getLookupPathForRequest(request);
            byte[] body = ("servlet=" + name + " spring=" + route(path)).getBytes();
            response.setContentLength(body.length);
            response.getOutputStream().write(body);
        }
    }

    static String route(String path) {
        for (String[] route : new String[][] {{"/files/private", "private"}, {"/files", "files"}, {"/admin", "admin"}}) {
            if (path.equals(route[0]) || path.startsWith(route[0] + "/")) {
                return route[1];
            }
        }
        return "open";
    }

    public static void main(String[] arguments) throws Exception {
        Server server = new Server();
        HttpCompliance[] modes = {HttpCompliance.RFC7230, HttpCompliance.LEGACY};
        for (int index = 0; index < modes.length; index++) {
            ServerConnector connector =
                new ServerConnector(server, new HttpConnectionFactory(new HttpConfiguration(), modes[index]));
            connector.setHost("127.0.0.1");
            connector.setPort(Integer.parseInt(arguments[index]));
            server.addConnector(connector);
        }
        ServletContextHandler context = new ServletContextHandler();
        context.setContextPath("/");
        context.addServlet(new ServletHolder(new Route("open")), "/*");
        context.addServlet(new ServletHolder(new Route("admin")), "/admin/*");
        context.addServlet(new ServletHolder(new Route("files")), "/files/*");
        context.addServlet(new ServletHolder(new Route("private")), "/files/private/*");
        server.setHandler(context);
        server.start();
        server.join();
    }
}
