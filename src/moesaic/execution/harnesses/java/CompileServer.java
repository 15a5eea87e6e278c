import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import javax.tools.Diagnostic;
import javax.tools.DiagnosticCollector;
import javax.tools.FileObject;
import javax.tools.ForwardingJavaFileManager;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileManager;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/**
 * Compiles one source text after the other in one JVM. It only compiles, and never loads or runs the classes.
 *
 * <p>A request is the number of units as an int and, for each unit, its file name, its source and the names that mean classes
 * of the platform, each as an int length and UTF-8 bytes. An answer is the success as a boolean, the messages, the number of
 * classes as an int and, for each class, its name and bytes. Annotation processors are off and the class path is empty, so
 * that the compiler cannot run code of a source text. Every compilation has its own class output.
 *
 * <p>The names of a unit are simple names and, after a bar, packages. Names that are classes of one of the packages are
 * imported one by one, because they would otherwise mean a class of the same name in another unit.
 */
public final class CompileServer {
    private static final int MAX_SOURCE_BYTES = 4 << 20;
    private static final List<String> OPTIONS =
            List.of("-proc:none", "-implicit:none", "-nowarn", "-Xmaxerrs", "5", "-classpath", "/nonexistent");

    private static final class Source extends SimpleJavaFileObject {
        private final String text;

        Source(String name, String text) {
            super(URI.create("string:///" + name), Kind.SOURCE);
            this.text = text;
        }

        @Override
        public boolean isNameCompatible(String simpleName, Kind kind) {
            return kind == Kind.SOURCE; // moesaic chose the file name, so a public class may have any name
        }

        @Override
        public CharSequence getCharContent(boolean ignoreEncodingErrors) {
            return text;
        }
    }

    private static final class Memory extends ForwardingJavaFileManager<JavaFileManager> {
        final Map<String, ByteArrayOutputStream> classes = new LinkedHashMap<>();

        Memory(JavaFileManager platform) {
            super(platform);
        }

        @Override
        public JavaFileObject getJavaFileForOutput(
                Location location, String name, JavaFileObject.Kind kind, FileObject sibling) {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            classes.put(name.replace('.', '/') + kind.extension, bytes);
            return new SimpleJavaFileObject(URI.create("memory:///" + name.replace('.', '/') + kind.extension), kind) {
                @Override
                public OutputStream openOutputStream() {
                    return bytes;
                }
            };
        }
    }

    private static byte[] read(DataInputStream in) throws IOException {
        int length = in.readInt();
        if (length < 0 || length > MAX_SOURCE_BYTES) {
            throw new IOException("a source of " + length + " bytes");
        }
        return in.readNBytes(length);
    }

    private static String readText(DataInputStream in) throws IOException {
        return new String(read(in), StandardCharsets.UTF_8);
    }

    private static String imports(String names) {
        String[] parts = names.split("\\|", -1);
        StringBuilder text = new StringBuilder();
        for (String name : parts[0].split(" ")) {
            List<String> found = new ArrayList<>();
            for (String place : parts.length < 2 ? new String[0] : parts[1].split(" ")) {
                try {
                    found.add(Class.forName(place + "." + name, false, null).getName());
                } catch (ClassNotFoundException | LinkageError absent) {
                    continue;
                }
            }
            if (found.size() == 1) {
                text.append("import ").append(found.get(0)).append("; ");
            }
        }
        return text.toString(); // without line ends, so that the lines of the unit keep their numbers
    }

    private static void write(DataOutputStream out, byte[] bytes) throws IOException {
        out.writeInt(bytes.length);
        out.write(bytes);
    }

    public static void main(String[] arguments) throws IOException {
        DataInputStream in = new DataInputStream(System.in);
        DataOutputStream out = new DataOutputStream(System.out);
        System.setOut(System.err);
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        StandardJavaFileManager platform = compiler.getStandardFileManager(null, Locale.ROOT, StandardCharsets.UTF_8);
        while (true) {
            int count;
            try {
                count = in.readInt();
            } catch (EOFException end) {
                return;
            }
            List<Source> sources = new ArrayList<>();
            for (int unit = 0; unit < count; unit++) {
                String name = readText(in);
                String source = readText(in);
                sources.add(new Source(name, imports(readText(in)) + source));
            }
            DiagnosticCollector<JavaFileObject> messages = new DiagnosticCollector<>();
            Memory memory = new Memory(platform);
            boolean success;
            StringBuilder text = new StringBuilder();
            try {
                success = compiler.getTask(null, memory, messages, OPTIONS, null, sources).call();
            } catch (RuntimeException | StackOverflowError error) { // the source is nested too deep, or javac has a defect
                success = false;
                text.append(error).append('\n');
            }
            for (Diagnostic<? extends JavaFileObject> message : messages.getDiagnostics()) {
                if (message.getKind() == Diagnostic.Kind.ERROR) {
                    JavaFileObject source = message.getSource();
                    String name = source == null ? "" : source.toUri().getPath().substring(1);
                    text.append(name).append(':').append(message.getLineNumber()).append(": ");
                    text.append(message.getMessage(Locale.ROOT)).append('\n');
                }
            }
            out.writeBoolean(success);
            write(out, text.toString().getBytes(StandardCharsets.UTF_8));
            out.writeInt(success ? memory.classes.size() : 0);
            if (success) {
                for (Map.Entry<String, ByteArrayOutputStream> entry : memory.classes.entrySet()) {
                    write(out, entry.getKey().getBytes(StandardCharsets.UTF_8));
                    write(out, entry.getValue().toByteArray());
                }
            }
            out.flush();
        }
    }
}
