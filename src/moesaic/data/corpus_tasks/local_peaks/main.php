<?php

declare(strict_types=1);

function localPeaks(array $heights): array
{
    $peaks = [];
    for ($i = 1; $i < count($heights) - 1; $i++) {
        if ($heights[$i] > max($heights[$i - 1], $heights[$i + 1])) {
            $peaks[] = $heights[$i];
        }
    }
    return $peaks;
}

$heights = array_map(intval(...), explode(' ', fgets(STDIN)));
echo implode(' ', localPeaks($heights) ?: ['flat']), PHP_EOL;
