<?php

declare(strict_types=1);

function bracketSequences(int $pairs, int $open = 0, string $sequence = ''): Generator
{
    if ($pairs === 0 && $open === 0) {
        yield $sequence;
    }
    if ($pairs > 0) {
        yield from bracketSequences($pairs - 1, $open + 1, $sequence . '(');
    }
    if ($open > 0) {
        yield from bracketSequences($pairs, $open - 1, $sequence . ')');
    }
}

$pairs = (int) fgets(STDIN);
foreach (bracketSequences($pairs) as $sequence) {
    echo $sequence, PHP_EOL;
}
