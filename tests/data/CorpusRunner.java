import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;

/**
 * Compiles and runs every program of a folder inside one virtual machine, which takes seconds instead of minutes.
 *
 * <p>The argument is a folder with one folder per program: Main.java and the inputs 0.in, 1.in, ... Each run gets a
 * fresh class loader and writes 0.out, 1.out, ...; a program that does not compile writes no output.
 */
public class CorpusRunner {
    public static void main(String[] args) throws Exception {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        try (DirectoryStream<Path> folders = Files.newDirectoryStream(Path.of(args[0]), Files::isDirectory)) {
            for (Path folder : folders) {
                String source = folder.resolve("Main.java").toString();
                if (compiler.run(null, null, null, "-Xlint:all", "-Werror", "-d", folder.toString(), source) == 0) {
                    runAll(folder);
                }
            }
        }
    }

    static void runAll(Path folder) throws Exception {
        URL[] classPath = {folder.toUri().toURL()};
        try (DirectoryStream<Path> inputs = Files.newDirectoryStream(folder, "*.in")) {
            for (Path input : inputs) {
                ByteArrayOutputStream output = new ByteArrayOutputStream();
                try (URLClassLoader loader = new URLClassLoader(classPath);
                        InputStream in = Files.newInputStream(input)) {
                    System.setIn(in);
                    System.setOut(new PrintStream(output, true));
                    loader.loadClass("Main").getMethod("main", String[].class).invoke(null, (Object) new String[0]);
                } catch (ReflectiveOperationException error) {
                    error.printStackTrace();
                }
                Files.write(Path.of(input.toString().replaceAll("in$", "out")), output.toByteArray());
            }
        }
    }
}
