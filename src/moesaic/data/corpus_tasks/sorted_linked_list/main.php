<?php

declare(strict_types=1);

class Node
{
    public function __construct(public readonly int $value, public ?Node $next = null)
    {
    }
}

function insert(?Node $node, int $value): Node
{
    if ($node === null || $node->value > $value) {
        return new Node($value, $node);
    }
    $node->next = insert($node->next, $value);
    return $node;
}

function delete(?Node $node, int $value): ?Node
{
    if ($node?->value === $value) {
        return $node->next;
    }
    if ($node !== null) {
        $node->next = delete($node->next, $value);
    }
    return $node;
}

function sortedLinkedList(iterable $commands): ?Node
{
    $head = null;
    foreach ($commands as [$name, $value]) {
        $head = $name === 'insert' ? insert($head, $value) : delete($head, $value);
    }
    return $head;
}

$commands = [];
while ($command = fscanf(STDIN, '%s %d')) {
    $commands[] = $command;
}
$numbers = [];
for ($node = sortedLinkedList($commands); $node !== null; $node = $node->next) {
    $numbers[] = $node->value;
}
echo $numbers === [] ? 'empty' : implode(' ', $numbers), PHP_EOL;
