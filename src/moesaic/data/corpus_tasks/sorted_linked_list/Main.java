import java.util.Scanner;

public class Main {
    static class Node {
        int value;
        Node next;

        Node(int value, Node next) {
            this.value = value;
            this.next = next;
        }
    }

    static Node sortedLinkedList(Scanner in) {
        Node start = new Node(0, null);
        while (in.hasNext()) {
            boolean isInsert = in.next().equals("insert");
            int value = in.nextInt();
            Node before = start;
            while (before.next != null && before.next.value < value) {
                before = before.next;
            }
            if (isInsert) {
                before.next = new Node(value, before.next);
            } else if (before.next != null && before.next.value == value) {
                before.next = before.next.next;
            }
        }
        return start.next;
    }

    public static void main(String[] args) {
        StringBuilder text = new StringBuilder();
        Scanner in = new Scanner(System.in);
        for (Node node = sortedLinkedList(in); node != null; node = node.next) {
            text.append(node.value).append(" ");
        }
        System.out.println(text.isEmpty() ? "empty" : text.toString().trim());
    }
}
