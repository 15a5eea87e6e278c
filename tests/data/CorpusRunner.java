import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;

/**
 * Compiles every program of a folder at once and runs each on all its inputs, in one virtual machine.
 *
 * <p>The argument is a folder with one folder per program, which is also its package: Main.java and the inputs 0.in,
 * 1.in, ... Each run gets a fresh class loader and writes 0.out, 1.out, ...
 */
public class CorpusRunner {
    public static void main(String[] args) throws Exception {
        Path root = Path.of(args[0]);
        List<String> names = new ArrayList<>();
        try (DirectoryStream<Path> folders = Files.newDirectoryStream(root, Files::isDirectory)) {
            for (Path folder : folders) {
                names.add(folder.getFileName().toString());
            }
        }
        List<String> command = new ArrayList<>(List.of("-Xlint:all", "-Werror"));
        for (String name : names) {
            command.add(root.resolve(name).resolve("Main.java").toString());
        }
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        if (compiler.run(null, null, null, command.toArray(String[]::new)) != 0) {
            System.exit(1);
        }
        for (String name : names) {
            runAll(root, name);
        }
    }

    static void runAll(Path root, String name) throws Exception {
        URL[] classPath = {root.toUri().toURL()};
        try (DirectoryStream<Path> inputs = Files.newDirectoryStream(root.resolve(name), "*.in")) {
            for (Path input : inputs) {
                ByteArrayOutputStream output = new ByteArrayOutputStream();
                try (URLClassLoader loader = new URLClassLoader(classPath, null);
                        InputStream in = Files.newInputStream(input)) {
                    System.setIn(in);
                    System.setOut(new PrintStream(output, true));
                    Class<?> program = loader.loadClass(name + ".Main");
                    program.getMethod("main", String[].class).invoke(null, (Object) new String[0]);
                } catch (ReflectiveOperationException error) {
                    error.printStackTrace();
                }
                Files.write(Path.of(input.toString().replaceAll("in$", "out")), output.toByteArray());
            }
        }
    }
}
