import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.File;
import java.io.IOException;
import org.apache.catalina.Context;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.startup.Tomcat;

/** Tomcat with a servlet per route. Arguments: a directory, and a port for each way to treat {@code %2F}. */
public class TomcatServer {
    static class Route extends HttpServlet {
        private final String name;

        Route(String name) {
            this.name = name;
        }

        @Override
        protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
            byte[] body = ("servlet=" + name).getBytes();
            response.setContentLength(body.length);
            response.getOutputStream().write(body);
        }
    }

    public static void main(String[] arguments) throws Exception {
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(arguments[0]);
        String[] slashes = {"reject", "decode", "passthrough"};
        for (int index = 0; index < slashes.length; index++) {
            Connector connector = new Connector();
            connector.setProperty("address", "127.0.0.1");
            connector.setPort(Integer.parseInt(arguments[1 + index]));
            connector.setEncodedSolidusHandling(slashes[index]);
            connector.setProperty("maxKeepAliveRequests", "-1");
            tomcat.getService().addConnector(connector);
        }
        Context context = tomcat.addContext("", new File(arguments[0]).getAbsolutePath());
        String[][] routes = {
            {"open", "/*"}, {"admin", "/admin/*"}, {"files", "/files/*"}, {"private", "/files/private/*"},
        };
        for (String[] route : routes) {
            Tomcat.addServlet(context, route[0], new Route(route[0]));
            context.addServletMappingDecoded(route[1], route[0]);
        }
        tomcat.start();
        tomcat.getServer().await();
    }
}
